//! The step that erases accounts whose address nobody proved within `UNVERIFIED_ACCOUNT_DAYS`, so that it is free for
//! whoever has it.
//!
//! Whoever has proven an address has proven it for good: each account is looked at once, when it is old enough, and the
//! next run goes on behind it; before it, and looks at those behind it again, where it is still to be erased.

use shared::App;
use shared::event::Origin;
use shared::event::details::ErasureReason;
use shared::fault::Fault;
use shared::id::TenantId;
use shared::role::Role;
use shared::user::User;

use super::Progress;
use super::overdue::{Erasures, PAGES};

/// Goes on looking at accounts that are old enough.
pub(crate) async fn erase(app: &App, origin: &Origin) -> Result<Progress, Fault> {
    let until = super::days_ago(app.now(), app.config.unverified_account_days);
    let tenant = TenantId::default_tenant();
    let mut erasures = Erasures::new(app, ErasureReason::NeverVerified, origin);
    let mut after = app.store.verification_place().await?;
    for _ in 0..PAGES {
        let mut page = app.store.created_before(&tenant, until, after.as_ref()).await?;
        after = page.next.take();
        if let Some(place) = erasures.go_through(page, is_to_go).await? {
            app.store.keep_verification_place(&place).await?;
        }
        if after.is_none() {
            break;
        }
    }
    erasures.end(after.is_some())
}

/// A super administrator is never erased, so that the last one always stays.
fn is_to_go(user: &User) -> bool {
    !user.is_verified() && user.role != Role::SuperAdmin
}
