//! The step that finds the deliveries to webhooks that no message of the queue leads to any more, and puts a message
//! there for each: the queue may have lost it, given it up or been emptied.
//!
//! Nothing is delivered twice by that: the table says what is to be attempted, a message only where to look.

use std::time::Duration;

use shared::App;
use shared::fault::Fault;
use shared::id::TenantId;
use shared::webhook::Lane;

use super::Progress;

/// How late an attempt has to be. The queue holds a message back for a quarter of an hour at most, and looks at it again
/// within minutes when a function fails.
const LATE: Duration = Duration::from_mins(30);
/// Deliveries of a run. Those that are attempted before the next one make room for others.
const MOST: usize = 1_000;

/// Queues what is overdue.
pub(crate) async fn queue(app: &App) -> Result<Progress, Fault> {
    let overdue = app.store.overdue_deliveries(&TenantId::default_tenant(), app.now() - LATE, MOST).await?;
    if !overdue.is_empty() {
        // What leads to a slow endpoint is moved to the other lane when it is taken out.
        app.webhook_queue(Lane::Fast)?.put_all(&overdue).await?;
        tracing::warn!(deliveries = overdue.len(), "deliveries were overdue and are queued again");
    }
    let left = overdue.len() == MOST;
    Ok(Progress { looked_at: overdue.len(), done: overdue.len(), left, ..Progress::default() })
}
