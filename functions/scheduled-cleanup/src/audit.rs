//! The step that seals the audit trail by a checkpoint, and lets go of the days that are older than
//! `AUDIT_RETENTION_DAYS`: each as a whole, and only once a checkpoint says so.

use shared::App;
use shared::clock::Timestamp;
use shared::fault::Fault;
use shared::id::TenantId;

use super::Progress;

/// The trail up to now is sealed, and its old days are gone.
pub(crate) async fn keep(app: &App) -> Result<Progress, Fault> {
    let tenant = TenantId::default_tenant();
    // Before the first record there is no key to seal with, either, and this function makes none.
    if app.store.first_audited(&tenant, Timestamp::UNIX_EPOCH).await?.is_none() {
        return Ok(Progress::default());
    }
    // The log is kept apart from the table: who can change one may not be able to change the other.
    if let Some(checkpoint) = app.checkpoint(&tenant).await? {
        tracing::info!(checkpoint, "the audit trail is sealed");
    }
    let removal = app.remove_old_audit(&tenant).await?;
    Ok(Progress { looked_at: removal.days, done: removal.days, left: removal.left, ..Progress::default() })
}
