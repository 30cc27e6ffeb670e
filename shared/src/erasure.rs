//! Erasing a person, by their own will or because their time has come: the account goes, a receipt of it and an event
//! that tells of it come, in one write.

use crate::app::App;
use crate::event::details::{AccountErased, ErasureReason, OwnAccountErased};
use crate::event::{Event, EventType, Origin};
use crate::fault::Fault;
use crate::id::{DeletionId, UserId};
use crate::store::Receipt;
use crate::user::User;

/// Why somebody is erased.
#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// They asked for it.
    Themselves {
        /// Who may use the same role, where it must not be left without such: they keep it, or nobody is erased.
        successor: Option<UserId>,
    },
    /// Their time has come.
    Overdue(ErasureReason),
}

impl App {
    /// Erases `user`; `None`, and nobody is, if they changed since they were read. What lies beside the account is
    /// swept up by whoever hears of the event.
    pub async fn erase(&self, user: &User, cause: Cause, origin: &Origin) -> Result<Option<Receipt>, Fault> {
        let receipt = Receipt { deletion_id: DeletionId::random(), user_id: user.id, at: self.now() };
        let deletion_id = receipt.deletion_id;
        let event = match cause {
            Cause::Themselves { .. } => Event::new(EventType::UserDeleted, origin, receipt.at)
                .by_themselves(user)
                .telling(OwnAccountErased { deletion_id }),
            Cause::Overdue(reason) => Event::new(EventType::SystemUserErased, origin, receipt.at)
                .to(user)
                .telling(AccountErased { deletion_id, reason }),
        };
        let successor = match cause {
            Cause::Themselves { successor } => successor,
            Cause::Overdue(_) => None,
        };
        let is_erased = self.store.erase((user, successor), &receipt, &event.counting_out()).await?;
        Ok(is_erased.then_some(receipt))
    }
}
