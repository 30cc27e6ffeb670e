//! The step that erases accounts that an administrator deleted `DELETED_ACCOUNT_RETENTION_DAYS` ago: the record, the
//! address, the user name and the sessions. They stand in an index by the time of their deletion, and leave it so.

use shared::App;
use shared::erasure::Cause;
use shared::event::Origin;
use shared::event::details::ErasureReason;
use shared::fault::Fault;
use shared::id::TenantId;

use super::Progress;

/// Goes through a page of those whose time has come.
pub(crate) async fn erase(app: &App, origin: &Origin) -> Result<Progress, Fault> {
    let until = super::days_ago(app.now(), app.config.deleted_account_days);
    let page = app.store.deleted_before(&TenantId::default_tenant(), until, None).await?;
    let mut progress =
        Progress { looked_at: page.users.len(), left: page.next.is_some(), ..Progress::default() };
    for (_, user) in &page.users {
        if app.erase(user, Cause::Overdue(ErasureReason::Deleted), origin).await?.is_some() {
            progress.done += 1;
        } else {
            progress.left = true;
        }
    }
    Ok(progress)
}
