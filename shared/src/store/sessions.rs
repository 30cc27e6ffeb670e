//! Sessions: continuing, listing and ending them. A session that is over stays in the table until it expires.

use std::cmp::Reverse;

use super::Store;
use super::accounts::still;
use super::counters;
use super::events::outbox;
use super::key::{self, Key};
use super::table::{Outcome, Range, parse};
use super::write::Write;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::{SessionId, TenantId, UserId};
use crate::role::{CustomRole, Role};
use crate::session::{Device, RefreshId, Session};
use crate::tally::Tally;
use crate::user::User;

/// How many sessions of a user a list looks at.
const MOST_LISTED: usize = 1_000;
/// Where in the transaction of an administrator the session stands.
const SESSION: usize = 0;

/// What became of the end of somebody's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is over.
    Done,
    /// The user has no such live session.
    NoSuchSession,
    /// One of the accounts changed since it was decided that the one may act on the other.
    AccountChanged,
}

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

/// Whom a token names.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The user.
    pub user: UserId,
    /// Their session.
    pub session: SessionId,
    /// The tenant that they belong to.
    pub tenant: &'a TenantId,
    /// The role that they had.
    pub role: &'a Role,
}

/// Who calls.
#[derive(Debug)]
pub struct Caller {
    /// The user.
    pub user: User,
    /// Their session.
    pub session: Session,
    /// Their role, where it is not built in and still exists.
    pub role: Option<CustomRole>,
    /// The counters of their tenant's accounts, if they were asked for.
    pub users: Tally,
}

impl Store {
    /// The user and the session that a token names, as far as they exist, with what else their request needs;
    /// in one call. Where the user has another role than the token says, a second one brings that.
    pub async fn caller(&self, token: &Named<'_>, with_counters: bool) -> Result<Option<Caller>, Fault> {
        let (user, session) = (Key::user(token.user), Key::session(token.user, token.session));
        let role = token.role.custom().map(|name| Key::role(token.tenant, name));
        let counters = with_counters.then(|| Key::user_counters(token.tenant));
        let keys: Vec<Key> =
            [user.clone(), session.clone()].into_iter().chain(role.clone()).chain(counters.clone()).collect();
        let mut found = self.table.batch_get(&keys).await?;
        let mut take = |key: Key| found.remove(&key);
        let (Some(user), Some(session)) = (take(user), take(session)) else { return Ok(None) };
        let (user, session): (User, Session) = (parse(user)?, parse(session)?);
        let role = match user.role.custom() {
            None => None,
            Some(_) if user.role == *token.role => role.and_then(&mut take).map(parse).transpose()?,
            Some(name) => self.table.get(&Key::role(&user.tenant, name)).await?,
        };
        let users = counters.and_then(take).map(counters::tally).transpose()?.unwrap_or_default();
        Ok(Some(Caller { user, session, role, users }))
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

    /// The sessions of `user` that are live at `now`, newest first.
    ///
    /// A thousand at most are looked at. Who has more in the table, live or over, sees those that come first by
    /// their identifiers, which are random: there is no index of sessions by time that each sign-in would pay for.
    pub async fn live_sessions(&self, user: &User, now: Timestamp) -> Result<Vec<Session>, Fault> {
        let (partition, prefix) = key::sessions_of(user.id);
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let range = Range {
                partition: partition.clone(),
                prefix: Some(prefix.to_owned()),
                after,
                limit: i32::try_from(MOST_LISTED - items.len()).ok(),
                ..Range::default()
            };
            let output = self.table.query(range).await?;
            items.extend(output.items.unwrap_or_default());
            after = output.last_evaluated_key;
            if after.is_none() || items.len() >= MOST_LISTED {
                break;
            }
        }
        let mut sessions: Vec<Session> = items.into_iter().map(parse).collect::<Result<_, _>>()?;
        sessions.retain(|session| !session.is_over(user, now));
        sessions.sort_by_key(|session| Reverse((session.created_at, session.id)));
        Ok(sessions)
    }

    /// The session is over by its owner's will, and `event` is told; `false` if they have no such live session.
    pub async fn end_own_session(
        &self,
        user: &User,
        session: SessionId,
        event: &Event,
    ) -> Result<bool, Fault> {
        let writes = vec![end_live(user, session, event.at)?, outbox(event)?];
        Ok(matches!(self.table.transact(writes).await?, Outcome::Written(())))
    }

    /// The session of `user` is over by the will of `actor`, and `event` is told.
    ///
    /// Guarded by the session being live, and by both accounts standing as they were when it was decided that
    /// the one may act on the other.
    pub async fn end_session_of(
        &self,
        (actor, user): (&User, &User),
        session: SessionId,
        event: &Event,
    ) -> Result<Ending, Fault> {
        let same = Write::check(Key::user(user.id)).only_if("#version = :version");
        let same = same.value("version", user.version)?;
        let writes =
            vec![end_live(user, session, event.at)?, still(actor.id, &actor.role)?, same, outbox(event)?];
        Ok(match self.table.transact(writes).await? {
            Outcome::Written(()) => Ending::Done,
            Outcome::Refused(refused) if refused.iter().any(|it| it.index != SESSION) => {
                Ending::AccountChanged
            }
            Outcome::Refused(_) => Ending::NoSuchSession,
        })
    }

    /// All sessions of `user` are over but `kept`, if there is one, and `event` is told.
    ///
    /// Guarded by the generation of both, so that a session which was ended meanwhile does not come back;
    /// `false` if it was raised.
    pub async fn end_other_sessions(
        &self,
        user: &User,
        kept: Option<&Session>,
        event: &Event,
    ) -> Result<bool, Fault> {
        // The version, too: who changes the account by what they read before would lower the generation again.
        let raised = raise(Key::user(user.id), user)?.set("updated_at", event.at)?.add("version", 1);
        let mut writes = vec![raised, outbox(event)?];
        if let Some(kept) = kept {
            writes.push(raise(Key::session(user.id, kept.id), user)?);
        }
        Ok(matches!(self.table.transact(writes).await?, Outcome::Written(())))
    }
}

/// The write that ends a session of `user`, if it is live at `now`.
fn end_live(user: &User, session: SessionId, now: Timestamp) -> Result<Write, Fault> {
    Write::delete(Key::session(user.id, session))
        .only_if("#generation = :generation AND #expires_at > :now")
        .value("generation", user.generation)?
        .value("now", now.as_second())
}

/// The write that raises the generation of the item at `key`, if it is that of `user`.
fn raise(key: Key, user: &User) -> Result<Write, Fault> {
    Write::update(key)
        .add("generation", 1)
        .only_if("#generation = :generation")
        .value("generation", user.generation)
}
