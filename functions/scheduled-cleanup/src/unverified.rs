//! The step that erases accounts whose address nobody proved within `UNVERIFIED_ACCOUNT_DAYS`, so that its owner can
//! register it.
//!
//! A proven address stays proven, so each account is examined once, when it is old enough, and the next run continues
//! after it. Accounts that could not be erased are kept beside the place and tried first, so that none holds up those
//! behind it.

use shared::App;
use shared::event::Origin;
use shared::event::details::ErasureReason;
use shared::fault::Fault;
use shared::id::TenantId;
use shared::role::Role;
use shared::store::VerificationPlace;
use shared::user::{Status, User};

use super::Progress;
use super::overdue::Erasures;

/// Goes on looking at accounts that are old enough.
pub(crate) async fn erase(app: &App, origin: &Origin) -> Result<Progress, Fault> {
    let until = super::days_ago(app.now(), app.config.unverified_account_days);
    let tenant = TenantId::default_tenant();
    let mut erasures = Erasures::new(app, ErasureReason::NeverVerified, origin);
    let mut place = app.store.verification_place().await?;
    if let Some(place) = place.as_mut().filter(|place| !place.again.is_empty()) {
        let page = app.store.again(&place.again).await?;
        place.again = erasures.go_through(page, is_to_go).await?;
        app.store.keep_verification_place(place).await?;
    }
    loop {
        let after = place.as_ref().map(|place| &place.after);
        let mut page = app.store.created_before(&tenant, until, after).await?;
        let more = page.next.take();
        let last = page.users.last().map(|(place, _)| place.clone());
        let left = erasures.go_through(page, is_to_go).await?;
        if let Some(after) = more.clone().or(last) {
            let mut again = place.map(|place| place.again).unwrap_or_default();
            again.extend(left);
            let next = VerificationPlace { after, again };
            app.store.keep_verification_place(&next).await?;
            place = Some(next);
        }
        if more.is_none() {
            return erasures.end();
        }
    }
}

/// A super administrator is never erased, so that the last one always stays; who was deleted has a time of their own.
fn is_to_go(user: &User) -> bool {
    !user.is_verified() && user.role != Role::SuperAdmin && user.status != Status::Deleted
}
