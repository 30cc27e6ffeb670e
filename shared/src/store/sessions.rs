//! Sessions: continuing and ending them.

use super::Store;
use super::events::outbox;
use super::key::Key;
use super::table::{Outcome, parse};
use super::write::Write;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::{SessionId, UserId};
use crate::session::{Device, RefreshId, Session};
use crate::user::User;

/// What became of a refresh token that was presented.
#[derive(Debug)]
pub enum Rotation {
    /// It was the one that continues the session, and is spent now.
    Rotated(Session),
    /// It is not: this is the session as it stands.
    Spent(Session),
    /// There is no such session.
    Gone,
}

impl Store {
    /// A user and one of their sessions, as far as they exist, in one call.
    pub async fn caller(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<(Option<User>, Option<Session>), Fault> {
        let (user, session) = (Key::user(user), Key::session(user, session));
        let mut found = self.table.batch_get(&[user.clone(), session.clone()]).await?;
        let user = found.remove(&user).map(parse).transpose()?;
        Ok((user, found.remove(&session).map(parse).transpose()?))
    }

    /// Spends the refresh token `spent` for a new one.
    ///
    /// Of several clients that try at once, one succeeds: the write asks that the session still continues
    /// with `spent`.
    pub async fn rotate(
        &self,
        (user, session): (UserId, SessionId),
        spent: &RefreshId,
        (device, now): (&Device, Timestamp),
    ) -> Result<Rotation, Fault> {
        let write = Write::update(Key::session(user, session))
            .set("refresh_id", RefreshId::random())?
            .set("spent_id", spent)?
            .set("refreshed_at", now)?
            .set("device", device)?
            .only_if("#refresh_id = :spent")
            .value("spent", spent)?;
        match self.table.update(write).await? {
            Outcome::Written(session) => Ok(Rotation::Rotated(session)),
            Outcome::Refused(refused) => match refused.into_iter().find_map(|refused| refused.old) {
                Some(old) => parse(old).map(Rotation::Spent),
                None => Ok(Rotation::Gone),
            },
        }
    }

    /// The session is over, and its event told; `false` if it was over before.
    pub async fn end_session(&self, session: &Session, event: &Event) -> Result<bool, Fault> {
        let delete =
            Write::delete(Key::session(session.user_id, session.id)).only_if("attribute_exists(#PK)");
        let outcome = self.table.transact(vec![delete, outbox(event)?]).await?;
        Ok(matches!(outcome, Outcome::Written(())))
    }
}
