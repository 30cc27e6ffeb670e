//! The step that erases accounts whose address nobody proved within `UNVERIFIED_ACCOUNT_DAYS`, so that it is free for
//! whoever has it.
//!
//! Whoever has proven an address has proven it for good: each account is looked at once, when it is old enough, and the
//! next run goes on behind it.

use shared::App;
use shared::erasure::Cause;
use shared::event::Origin;
use shared::event::details::ErasureReason;
use shared::fault::Fault;
use shared::id::TenantId;
use shared::role::Role;
use shared::user::User;

use super::Progress;

/// Pages of a run.
const PAGES: usize = 100;

/// Goes on looking at accounts that are old enough.
pub(crate) async fn erase(app: &App, origin: &Origin) -> Result<Progress, Fault> {
    let until = super::days_ago(app.now(), app.config.unverified_account_days);
    let tenant = TenantId::default_tenant();
    let mut progress = Progress { left: true, ..Progress::default() };
    let mut after = app.store.verification_place().await?;
    for _ in 0..PAGES {
        let page = app.store.created_before(&tenant, until, after.as_ref()).await?;
        let (mut looked_at, mut changed) = (after.clone(), false);
        for (place, user) in page.users {
            progress.looked_at += 1;
            if is_to_go(&user) {
                let cause = Cause::Overdue(ErasureReason::NeverVerified);
                changed = app.erase(&user, cause, origin).await?.is_none();
                if changed {
                    break;
                }
                progress.done += 1;
            }
            looked_at = Some(place);
        }
        if let Some(place) = looked_at.as_ref().filter(|_| looked_at != after) {
            app.store.keep_verification_place(place).await?;
        }
        progress.left = changed || page.next.is_some();
        if changed || page.next.is_none() {
            break;
        }
        after = page.next;
    }
    Ok(progress)
}

/// A super administrator is never erased, so that the last one always stays.
fn is_to_go(user: &User) -> bool {
    !user.is_verified() && user.role != Role::SuperAdmin
}
