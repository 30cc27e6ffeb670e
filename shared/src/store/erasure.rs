//! Erasing a person, at once and for good.
//!
//! What makes an account goes in one transaction, the key that opens its traces among it; from then on nothing of
//! theirs can be written, since every write of theirs asks that the account is there. What else lies beside it
//! is swept up afterwards, by whoever erased and once more by whoever hears of it.

use serde::{Deserialize, Serialize};

use super::Store;
use super::accounts::still;
use super::events::outbox;
use super::key::{self, Key};
use super::table::{Outcome, Range, parse};
use super::write::{Item, Write};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::{DeletionId, UserId};
use crate::session::Session;
use crate::user::User;

/// What stays of a person: that they were erased, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// Which erasure it was.
    pub deletion_id: DeletionId,
    /// Whose; no address or name leads to it any more.
    pub user_id: UserId,
    /// When.
    pub at: Timestamp,
    /// How many items went.
    pub records: usize,
}

impl Store {
    /// All sessions of the user that the table still has, those among them that are over, newest first.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, Fault> {
        let items = self.belongings(user).await?;
        let sessions = items.into_iter().filter(|item| is(item, "session")).map(parse);
        let mut sessions: Vec<Session> = sessions.collect::<Result<_, _>>()?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        Ok(sessions)
    }

    /// The account, its address and its user name are gone and free, the receipt is there and `event` is told.
    ///
    /// Guarded by the user standing as they were read, their role included, and by the address and the name being
    /// theirs; `false` if not.
    pub async fn erase(&self, user: &User, receipt: &Receipt, event: &Event) -> Result<bool, Fault> {
        self.erase_if(user, (receipt, event), None).await
    }

    /// The same, guarded also by `successor` still having the same role and working: of two who erase themselves at
    /// once, each because the other one stays, one does stay.
    pub async fn erase_beside(
        &self,
        (user, successor): (&User, UserId),
        receipt: &Receipt,
        event: &Event,
    ) -> Result<bool, Fault> {
        let condition = still(successor, &user.role)?;
        self.erase_if(user, (receipt, event), Some(condition)).await
    }

    async fn erase_if(
        &self,
        user: &User,
        (receipt, event): (&Receipt, &Event),
        condition: Option<Write>,
    ) -> Result<bool, Fault> {
        let account = Write::delete(Key::user(user.id))
            .only_if("#version = :version")
            .value("version", user.version)?;
        let mut writes = vec![account, theirs(Key::credential(&user.email), user.id)?];
        if let Some(username) = &user.username {
            writes.push(theirs(Key::username(username), user.id)?);
        }
        writes.push(Write::put(Key::erased(user.id), "receipt", receipt)?.unless_exists());
        writes.push(outbox(event)?);
        writes.extend(condition);
        Ok(matches!(self.table.transact(writes).await?, Outcome::Written(())))
    }

    /// Nothing is left beside a user who was erased. Nothing happens to one who is there.
    pub async fn sweep(&self, user: UserId) -> Result<(), Fault> {
        let items = self.belongings(user).await?;
        let keys: Vec<Key> = items.iter().filter_map(Key::of).collect();
        if keys.contains(&Key::user(user)) {
            return Ok(());
        }
        self.table.delete_all(&keys).await
    }

    async fn belongings(&self, user: UserId) -> Result<Vec<Item>, Fault> {
        let range = Range { partition: key::belongings(user), ..Range::default() };
        self.table.query_all(range, usize::MAX).await
    }
}

fn is(item: &Item, entity: &str) -> bool {
    item.get("entity").and_then(|it| it.as_s().ok()).is_some_and(|it| it == entity)
}

/// The write that deletes what `user` holds at `key`.
fn theirs(key: Key, user: UserId) -> Result<Write, Fault> {
    Write::delete(key).only_if("#user_id = :user_id").value("user_id", user)
}
