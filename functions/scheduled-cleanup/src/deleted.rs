//! The step that erases accounts that an administrator deleted `DELETED_ACCOUNT_RETENTION_DAYS` ago: the record, the
//! address, the user name and the sessions. They stand in an index by the time of their deletion, and leave it so.

use shared::App;
use shared::event::Origin;
use shared::event::details::ErasureReason;
use shared::fault::Fault;
use shared::id::TenantId;

use super::Progress;
use super::overdue::Erasures;

/// Goes through those whose time has come.
pub(crate) async fn erase(app: &App, origin: &Origin) -> Result<Progress, Fault> {
    let until = super::days_ago(app.now(), app.config.deleted_account_days);
    let tenant = TenantId::default_tenant();
    let mut erasures = Erasures::new(app, ErasureReason::Deleted, origin);
    let mut after = None;
    loop {
        let mut page = app.store.deleted_before(&tenant, until, after.as_ref()).await?;
        after = page.next.take();
        erasures.go_through(page, |_| true).await?;
        if after.is_none() {
            return erasures.end();
        }
    }
}
