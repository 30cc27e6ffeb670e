//! The step that finds the deliveries to webhooks that no message of the queue leads to any more, and puts a message
//! there for each: the queue may have lost it, given it up or been emptied.
//!
//! Nothing is delivered twice by that: the table says what is to be attempted, a message only where to look.

use std::time::Duration;

use shared::App;
use shared::fault::Fault;
use shared::id::TenantId;
use shared::store::Overdue;
use shared::webhook::Lane;

use super::Progress;

/// How late an attempt has to be. The queue holds a message back for a quarter of an hour at most, and looks at it again
/// within minutes when a function fails.
const LATE: Duration = Duration::from_mins(30);
/// Deliveries of a run, of each shard of the index. Those that are attempted before the next one make room for others.
const MOST: usize = 100;

/// Queues what is overdue.
pub(crate) async fn queue(app: &App) -> Result<Progress, Fault> {
    let tenant = TenantId::default_tenant();
    let Overdue { due, left } = app.store.overdue_deliveries(&tenant, app.now() - LATE, MOST).await?;
    if !due.is_empty() {
        // What leads to a slow endpoint is moved to the other lane when it is taken out.
        app.webhook_queue(Lane::Fast)?.put_all(&due).await?;
        tracing::warn!(deliveries = due.len(), "deliveries were overdue and are queued again");
    }
    Ok(Progress { looked_at: due.len(), done: due.len(), left, ..Progress::default() })
}
