//! Erasing an account because its time has come, as if its owner had asked for it.

use shared::App;
use shared::event::details::{AccountErased, ErasureReason};
use shared::event::{Event, EventType, Origin};
use shared::fault::Fault;
use shared::id::DeletionId;
use shared::store::Receipt;
use shared::user::User;

/// Erases `user` for this reason; `false` if they changed meanwhile.
pub(crate) async fn erase(
    app: &App,
    origin: &Origin,
    user: &User,
    reason: ErasureReason,
) -> Result<bool, Fault> {
    let sessions = app.store.sessions(user.id).await?.len();
    // The account and its credential, and the claim of a user name.
    let records = 2 + usize::from(user.username.is_some()) + sessions;
    let receipt = Receipt { deletion_id: DeletionId::random(), user_id: user.id, at: app.now(), records };
    let event = Event::new(EventType::SystemUserErased, origin, receipt.at)
        .to(user)
        .counting(Some(user), None)
        .telling(AccountErased { deletion_id: receipt.deletion_id, reason });
    // What lies beside the account is swept up by whoever hears of the event.
    app.store.erase(user, &receipt, &event).await
}
