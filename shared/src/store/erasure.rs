//! Erasing a person, at once and for good.
//!
//! What makes an account goes in one transaction, the key that opens its traces among it; from then on nothing of
//! theirs can be written, since every write of theirs asks that the account is there. What else lies beside it
//! is swept up afterwards, by whoever erased and once more by whoever hears of it.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::Store;
use super::accounts::still;
use super::events::outbox;
use super::key::{self, Key};
use super::table::{Outcome, Range, Refused, parse};
use super::write::Write;
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
}

/// Some of a person's sessions.
#[derive(Debug)]
pub struct Sessions {
    /// They, newest first.
    pub sessions: Vec<Session>,
    /// Whether the table has no others.
    pub complete: bool,
}

/// How many items are swept up at a time: ten transactions, side by side.
const SWEPT_TOGETHER: usize = 1_000;

impl Store {
    /// Sessions of the user that the table still has, those among them that are over: all, or `most` of them.
    pub async fn sessions(&self, user: UserId, most: usize) -> Result<Sessions, Fault> {
        let mut items = self.table.query_all(sessions_of(user), most + 1).await?;
        let complete = items.len() <= most;
        items.truncate(most);
        let mut sessions: Vec<Session> = items.into_iter().map(parse).collect::<Result<_, _>>()?;
        sessions.sort_by_key(|session| Reverse(session.created_at));
        Ok(Sessions { sessions, complete })
    }

    /// How many sessions of the user the table still has, those among them that are over.
    pub async fn session_count(&self, user: UserId) -> Result<usize, Fault> {
        self.table.count(sessions_of(user)).await
    }

    /// The account, its address and its user name are gone and free, the receipt is there and `event` is told.
    ///
    /// Guarded by the user standing as they were read, their role included, and by the address and the name being
    /// theirs; and by their `successor`, if they need one, still being one who may use the same role: of two who erase
    /// themselves at once, each because the other one stays, one does stay. `false` if not.
    ///
    /// # Errors
    /// Also when the user stands as they were read, and what leads to them is not theirs: whatever changes that changes
    /// their version, too, so that it is damaged and would be refused each time.
    pub async fn erase(
        &self,
        (user, successor): (&User, Option<UserId>),
        receipt: &Receipt,
        event: &Event,
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
        let others = writes.len();
        if let Some(successor) = successor {
            writes.push(still(successor, &user.role)?);
        }
        let is_a_race = |refused: &Refused| refused.index == 0 || refused.index == others;
        match self.table.transact(writes).await? {
            Outcome::Written(()) => Ok(true),
            Outcome::Refused(refused) if refused.iter().any(is_a_race) => Ok(false),
            Outcome::Refused(_) => {
                Err(Fault::broken("erasing an account", "its address, user name or receipt is not its own"))
            }
        }
    }

    /// Nothing is left beside a user who was erased; of more than `most` items, that many are gone. Nothing happens to
    /// a user who is there.
    pub async fn sweep(&self, user: UserId, most: usize) -> Result<(), Fault> {
        let mut swept = 0;
        loop {
            let partition = key::belongings(user);
            let limit = i32::try_from(SWEPT_TOGETHER.min(most - swept)).ok();
            let range = Range { partition, limit, ..Range::default() };
            let page = self.table.query(range).await?;
            let keys: Vec<Key> = page.items.unwrap_or_default().iter().filter_map(Key::of).collect();
            // The last comes first: an account stands behind what lies beside it.
            if keys.contains(&Key::user(user)) {
                return Ok(());
            }
            self.table.delete_all(&keys).await?;
            swept += keys.len();
            if page.last_evaluated_key.is_none() || swept >= most {
                return Ok(());
            }
        }
    }
}

fn sessions_of(user: UserId) -> Range {
    let (partition, prefix) = key::sessions_of(user);
    Range { partition, prefix: Some(prefix.to_owned()), ..Range::default() }
}

/// The write that deletes what `user` holds at `key`.
fn theirs(key: Key, user: UserId) -> Result<Write, Fault> {
    Write::delete(key).only_if("#user_id = :user_id").value("user_id", user)
}
