//! Signing in and what belongs to it: passwords, locks and the tokens that mails carry. A credential is made and moved
//! with its account, in `accounts` and `address`.

use super::Store;
use super::events::{denial, outbox};
use super::key::Key;
use super::table::{Outcome, Refused, parse};
use super::write::{Item, Write};
use crate::clock::Timestamp;
use crate::credential::Credential;
use crate::email::Email;
use crate::event::Event;
use crate::fault::Fault;
use crate::password::PasswordHash;
use crate::session::Session;
use crate::token::{FRESH_SECONDS, MailToken, PendingToken, Purpose};
use crate::user::User;

/// How long the table remembers wrong passwords for an address that has no account.
const FORGET_SECONDS: i64 = 86_400;
/// How often a wrong password is counted anew because others were: a lock falls after five.
const COUNT_ROUNDS: u32 = 16;

/// Whether a sign-in was written.
#[derive(Debug)]
pub enum LoginRecorded {
    /// It was.
    Done,
    /// The credential changed since it was read: here it is as it stands.
    CredentialChanged(Credential),
    /// The account is gone.
    AccountGone,
}

/// Whether a refusal was written.
#[derive(Debug)]
pub enum Noted {
    /// It was.
    Done,
    /// The credential changed since it was read: here it is as it stands.
    CredentialChanged(Credential),
}

/// Whether a mail token was good for its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSpent {
    /// It was, and is spent.
    Done,
    /// It was used, replaced or has expired.
    NotGood,
    /// Somebody changed the account since it was read; nothing was written.
    Meanwhile,
}

/// The attribute that holds the pending token of `purpose`.
fn pending(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::VerifyEmail => "verification",
        // It lies with the user: the credential of an address is not theirs before they prove it.
        Purpose::ChangeEmail => "pending_email",
        Purpose::ResetPassword => "reset",
    }
}

/// The write at an address that keeps it forgettable while it has no account.
fn touch(email: &Email, credential: &Credential, now: Timestamp) -> Result<Write, Fault> {
    let write = Write::update(Key::credential(email)).set("entity", "credential")?.set("v", 1)?;
    match &credential.account {
        Some(account) => write.only_if("#user_id = :user_id").value("user_id", account.user_id),
        None => Ok(write
            .set("expires_at", now.as_second() + FORGET_SECONDS)?
            .only_if("attribute_not_exists(#user_id)")),
    }
}

/// The same write, only if no wrong password was counted since `seen` was read.
fn unchanged(write: Write, seen: &Credential) -> Result<Write, Fault> {
    let none = if seen.failures == 0 { "attribute_not_exists(#failures) OR " } else { "" };
    write.only_if(&format!("{none}#failures = :failures")).value("failures", seen.failures)
}

/// The credential as it stands, where a condition on it did not hold.
fn standing(old: Option<Item>) -> Result<Credential, Fault> {
    Ok(old.map(parse).transpose()?.unwrap_or_default())
}

impl Store {
    /// What is known of an address; nothing, if nothing is.
    pub async fn credential(&self, email: &Email) -> Result<Credential, Fault> {
        Ok(self.table.get(&Key::credential(email)).await?.unwrap_or_default())
    }

    /// The user is signed in by `session`, and their password is kept as `rehashed`, if it is to be kept
    /// otherwise than before.
    ///
    /// Guarded by the credential standing as it was when the password was checked, its count of wrong
    /// passwords included: of many guesses at once, none gets in after the lock has fallen.
    pub async fn open_session(
        &self,
        (user, seen): (&User, &Credential),
        (session, rehashed): (&Session, Option<&PasswordHash>),
        event: &Event,
    ) -> Result<LoginRecorded, Fault> {
        let mut credential = Write::update(Key::credential(&user.email))
            .remove("failures")
            .remove("failed_at")
            .only_if("#user_id = :user_id AND #password_hash = :hash")
            .value("user_id", user.id)?
            .value("hash", seen.password_hash())?;
        if let Some(hash) = rehashed {
            credential = credential.set("password_hash", hash)?;
        }
        let credential = unchanged(credential, seen)?;
        let login = Write::update(Key::user(user.id))
            .set("last_login_at", session.created_at)?
            .add("login_count", 1)
            .only_if("attribute_exists(#PK)");
        let session = Write::put(Key::session(user.id, session.id), "session", session)?.unless_exists();
        match self.table.transact(vec![credential, login, session, outbox(event)?]).await? {
            Outcome::Written(()) => Ok(LoginRecorded::Done),
            Outcome::Refused(refused) => match refused.into_iter().find(|refused| refused.index == 0) {
                Some(refused) => standing(refused.old).map(LoginRecorded::CredentialChanged),
                None => Ok(LoginRecorded::AccountGone),
            },
        }
    }

    /// A wrong password for `email` is counted, and told by `event`.
    ///
    /// Guarded by the count that was read: wrong passwords that come at once are counted one by one, and
    /// none is counted or told once the address is locked: whoever goes on trying fills no table.
    pub async fn count_failure(&self, email: &Email, seen: &Credential, event: &Event) -> Result<(), Fault> {
        let mut seen = seen.clone();
        // Each round means that somebody else was counted, which a lock soon ends.
        for _ in 0..COUNT_ROUNDS {
            let write = touch(email, &seen, event.at)?;
            let writes = if seen.is_locked(event.at) {
                vec![write]
            } else {
                let write = write.set("failures", seen.failures + 1)?.set("failed_at", event.at)?;
                vec![unchanged(write, &seen)?, outbox(event)?]
            };
            let Outcome::Refused(refused) = self.table.transact(writes).await? else {
                return Ok(());
            };
            let Some(refused) = refused.into_iter().find(|refused| refused.index == 0) else { return Ok(()) };
            seen = standing(refused.old)?;
        }
        Err(Fault::temporary("counting a wrong password", "others are counted at the same time"))
    }

    /// A sign-in was refused though its password was right: told by `event`, and no failure. Whoever owns the account can have
    /// that as often as they like: what is told of them in an hour is bounded.
    ///
    /// Guarded by the count that was read: who may be told more than that something was wrong is decided
    /// while no lock holds.
    pub async fn note_refusal(
        &self,
        email: &Email,
        seen: &Credential,
        event: &Event,
    ) -> Result<Noted, Fault> {
        let mut writes = vec![unchanged(touch(email, seen, event.at)?, seen)?, outbox(event)?];
        if let Some(user) = seen.user_id() {
            writes.push(denial(user, event.at)?);
        }
        let Outcome::Refused(refused) = self.table.transact(writes).await? else { return Ok(Noted::Done) };
        match refused.into_iter().find(|refused| refused.index == 0) {
            Some(refused) => standing(refused.old).map(Noted::CredentialChanged),
            // Too many were told.
            None => Ok(Noted::Done),
        }
    }

    /// `token`, if there is one, is the one of its purpose that is good for `email`, whether that has an account or
    /// not; then `event` is told. Who asks again while a token is fresh has nothing told, however often.
    ///
    /// Guarded by none being fresh: of many that are asked for at once, one is issued, and nothing is told of the
    /// others.
    pub async fn issue_token(
        &self,
        (email, seen): (&Email, &Credential),
        (purpose, token): (Purpose, Option<PendingToken>),
        event: &Event,
    ) -> Result<(), Fault> {
        let (touched, attribute) = (touch(email, seen, event.at)?, pending(purpose));
        let writes = match token {
            None => vec![touched],
            Some(token) => {
                let issued = touched
                    .set(attribute, token)?
                    .only_if(&format!("NOT #{attribute}.#mailed_at > :fresh"))
                    .value("fresh", token.mailed_at - FRESH_SECONDS)?;
                vec![issued, outbox(event)?]
            }
        };
        match self.table.transact(writes).await? {
            // Refused: the address got or lost its account this moment. The mail would be wrong; ask again.
            Outcome::Written(()) | Outcome::Refused(_) => Ok(()),
        }
    }

    /// The user's address is proven by `token`, which is spent. Guarded by the account standing as it was read, which is
    /// neither verified nor deleted: the event says as what it is counted.
    pub async fn verify_email(
        &self,
        user: &User,
        token: MailToken,
        event: &Event,
    ) -> Result<TokenSpent, Fault> {
        let credential = spend(user, Purpose::VerifyEmail, token, event.at)?;
        let verified = Write::update(Key::user(user.id))
            .set("verified_at", event.at)?
            .set("updated_at", event.at)?
            .add("version", 1)
            .only_if("#version = :version")
            .value("version", user.version)?;
        let outcome = self.table.transact(vec![credential, verified, outbox(event)?]).await?;
        let is_token = |refused: &Refused| refused.index == 0;
        Ok(match outcome {
            Outcome::Refused(refused) if !refused.iter().any(is_token) => TokenSpent::Meanwhile,
            outcome => outcome.into(),
        })
    }

    /// The user's password is the one of `hash`, by `token`, which is spent; all their sessions are over, a
    /// lock is lifted, and no other token is good any more.
    pub async fn reset_password(
        &self,
        user: &User,
        (token, hash): (MailToken, &PasswordHash),
        event: &Event,
    ) -> Result<TokenSpent, Fault> {
        let credential = spend(user, Purpose::ResetPassword, token, event.at)?
            .set("password_hash", hash)?
            .remove(pending(Purpose::VerifyEmail))
            .remove("failures")
            .remove("failed_at");
        let user = end_all_sessions(user, event.at)?;
        self.table.transact(vec![credential, user, outbox(event)?]).await.map(TokenSpent::from)
    }

    /// The user's password is the one of `hash`; `session` is their only session, and no other mailed token is good
    /// any more. Guarded by the password still being the one that was checked, and by the count of wrong ones;
    /// `false` if either changed.
    pub async fn change_password(
        &self,
        (user, seen): (&User, &Credential),
        (hash, session): (&PasswordHash, &Session),
        event: &Event,
    ) -> Result<bool, Fault> {
        let credential = Write::update(Key::credential(&user.email))
            .set("password_hash", hash)?
            .remove("reset")
            .remove("failures")
            .remove("failed_at")
            .only_if("#user_id = :user_id AND #password_hash = :checked")
            .value("user_id", user.id)?
            .value("checked", seen.password_hash())?;
        let credential = unchanged(credential, seen)?;
        let user_write = end_all_sessions(user, event.at)?
            .only_if("#generation = :generation")
            .value("generation", user.generation)?;
        let session = Write::put(Key::session(user.id, session.id), "session", session)?;
        let outcome = self.table.transact(vec![credential, user_write, session, outbox(event)?]).await?;
        Ok(matches!(outcome, Outcome::Written(())))
    }
}

/// The write that spends `token`, if it is the one that is out and has not expired.
fn spend(user: &User, purpose: Purpose, token: MailToken, now: Timestamp) -> Result<Write, Fault> {
    let attribute = pending(purpose);
    Write::update(Key::credential(&user.email))
        .remove(attribute)
        .only_if("#user_id = :user_id")
        .only_if(&format!("#{attribute}.#nonce = :nonce AND #{attribute}.#expires_at > :now"))
        .value("user_id", token.user_id)?
        .value("nonce", token.nonce)?
        .value("now", now.as_second())
}

/// The check that the password of `user` is the one that was found right, and that no wrong one was counted since.
pub(super) fn still_proven(user: &User, seen: &Credential) -> Result<Write, Fault> {
    let check = Write::check(Key::credential(&user.email))
        .only_if("#user_id = :user_id AND #password_hash = :checked")
        .value("user_id", user.id)?
        .value("checked", seen.password_hash())?;
    unchanged(check, seen)
}

/// The write that ends all sessions of `user`, whose password is a new one: what was asked for under the old one is
/// over.
fn end_all_sessions(user: &User, now: Timestamp) -> Result<Write, Fault> {
    Ok(Write::update(Key::user(user.id))
        .set("must_change_password", false)?
        .remove(pending(Purpose::ChangeEmail))
        .set("updated_at", now)?
        .add("generation", 1)
        .add("version", 1)
        .only_if("attribute_exists(#PK)"))
}

impl From<Outcome<()>> for TokenSpent {
    fn from(outcome: Outcome<()>) -> Self {
        match outcome {
            Outcome::Written(()) => Self::Done,
            Outcome::Refused(_) => Self::NotGood,
        }
    }
}
