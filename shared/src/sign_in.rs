//! Signing in: an address and a password open a session.
//!
//! Whether the address has an account, the password is right or a lock holds: each refusal makes the same
//! calls and spends a full verification, so that neither the answer nor its time tells (OWASP ASVS 5.0,
//! 6.3.8). What a refusal may say it says only to whoever knew the password.
//!
//! A hash that another system made is replaced by the write that opens the session.

use crate::app::App;
use crate::clock::Timestamp;
use crate::credential::Credential;
use crate::email::Email;
use crate::event::details::{SessionOpened, SignInRefusal, SignInRefused};
use crate::event::{Event, EventType, Origin};
use crate::fault::Fault;
use crate::id::UserId;
use crate::password::{Password, PasswordHash};
use crate::session::Session;
use crate::store::{LoginRecorded, Noted};
use crate::user::{Status, User};

/// How often a sign-in is decided again because the credential of its address changed.
const ROUNDS: u32 = 64;

/// Somebody who wants to sign in.
pub struct Attempt {
    /// The address.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// Whether the session shall live longer than usual.
    pub remember: bool,
    /// Whether an account whose address is not proven gets in; its token opens hardly anything.
    pub unverified: Unverified,
}

/// What becomes of accounts whose address is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// They get in.
    GetsIn,
    /// They are refused.
    IsRefused,
}

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The address or the password is wrong, or the address is locked: nobody can tell which.
    WrongCredentials,
    /// The password is right, the account switched off.
    Inactive,
    /// The password is right, the address not proven.
    NotVerified,
}

impl Refusal {
    /// As the event tells it.
    fn told(self) -> SignInRefusal {
        match self {
            Self::WrongCredentials => SignInRefusal::WrongCredentials,
            Self::Inactive => SignInRefusal::Inactive,
            Self::NotVerified => SignInRefusal::NotVerified,
        }
    }
}

/// Somebody who is signed in.
pub struct Opened {
    /// Who.
    pub user: User,
    /// Their new session.
    pub session: Session,
}

/// Whether an account may sign in, its password being right or not.
fn admit(
    user: Option<User>,
    password_is_right: bool,
    (credential, unverified): (&Credential, Unverified),
    now: Timestamp,
) -> Result<User, Refusal> {
    let known = user.filter(|_| password_is_right && !credential.is_locked(now));
    let there = known.filter(|user| user.status != Status::Deleted);
    let user = there.ok_or(Refusal::WrongCredentials)?;
    if !user.is_active() {
        return Err(Refusal::Inactive);
    }
    if !user.is_verified() && unverified == Unverified::IsRefused {
        return Err(Refusal::NotVerified);
    }
    Ok(user)
}

/// Whether a sign-in at `now` is the user's first on that day (in UTC).
fn is_first_of_day(user: &User, now: Timestamp) -> bool {
    let day = |at: Timestamp| at.as_second().div_euclid(86_400);
    user.last_login_at.is_none_or(|last| day(last) < day(now))
}

impl App {
    /// Signs somebody in, or says why not.
    ///
    /// # Errors
    /// When the table fails, or too many passwords are being hashed.
    pub async fn sign_in(&self, attempt: Attempt, origin: &Origin) -> Result<Result<Opened, Refusal>, Fault> {
        let mut credential = self.store.credential(&attempt.email).await?;
        // Where there is no account, somebody who does not exist is looked up: the calls are the same.
        let user_id = credential.user_id().unwrap_or_else(UserId::random);
        // The attempt is judged by when it came, however long it takes.
        let now = self.now();
        let hash = credential.hash_to_verify(now);
        let verifying =
            async { self.passwords.verify(attempt.password.clone(), hash).await.map_err(Fault::from) };
        // The keys are loaded meanwhile: once the session is written, nothing may keep its tokens back.
        let (user, password_is_right, ()) =
            tokio::try_join!(self.store.user(user_id), verifying, self.keys.prepare_to_sign())?;
        // Each further round means that somebody else tried the same address this moment.
        for _ in 0..ROUNDS {
            let seen = (&credential, attempt.unverified);
            let user = match admit(user.clone(), password_is_right, seen, now) {
                Ok(user) => user,
                Err(refusal) => {
                    let seen = (&attempt.email, &credential);
                    match self.note_refusal(seen, (refusal, now), origin).await? {
                        Noted::Done => return Ok(Err(refusal)),
                        Noted::CredentialChanged(standing) => credential = standing,
                    }
                    continue;
                }
            };
            let days = Session::lifetime_days(self.config.refresh_token_days, attempt.remember);
            let session = Session::open(&user, origin.device.clone(), days, now);
            let event = Event::new(EventType::UserLogin, origin, now)
                .by_themselves(&user)
                .telling(SessionOpened { session_id: session.id, first_of_day: is_first_of_day(&user, now) });
            let rehashed = self.rehashed(&attempt.password, &credential).await;
            let kept = (&session, rehashed.as_ref());
            match self.store.open_session((&user, &credential), kept, &event).await? {
                LoginRecorded::Done => return Ok(Ok(Opened { user, session })),
                LoginRecorded::AccountGone => return Ok(Err(Refusal::WrongCredentials)),
                LoginRecorded::CredentialChanged(standing) => {
                    // Wrong passwords were counted in the meantime: decide again with the new count. If the
                    // password itself changed, refuse.
                    if !self.is_right_for(&standing, &credential, &attempt.password).await? {
                        return Ok(Err(Refusal::WrongCredentials));
                    }
                    credential = standing;
                }
            }
        }
        Err(Fault::temporary("signing in", "others try the same address at the same time"))
    }

    /// The password's hash as hashes are made now, if the one that is kept was made otherwise. Where too many
    /// are being computed, there is none: another sign-in will see to it.
    async fn rehashed(&self, password: &Password, kept: &Credential) -> Option<PasswordHash> {
        let is_outdated = kept.password_hash()?.needs_rehash();
        is_outdated.then_some(())?;
        self.passwords.hash(password.clone()).await.ok()
    }

    /// Whether a password that is right for the credential `seen` is right for the one that stands now: its hash
    /// may be another one of the same password, since another sign-in replaced it.
    async fn is_right_for(
        &self,
        standing: &Credential,
        seen: &Credential,
        password: &Password,
    ) -> Result<bool, Fault> {
        let (hash, is_same_user) = (standing.password_hash(), standing.user_id() == seen.user_id());
        let is_same_hash = hash == seen.password_hash();
        Ok(is_same_user && (is_same_hash || self.passwords.verify(password.clone(), hash).await?))
    }

    async fn note_refusal(
        &self,
        (email, seen): (&Email, &Credential),
        (refusal, now): (Refusal, Timestamp),
        origin: &Origin,
    ) -> Result<Noted, Fault> {
        let event = Event::new(EventType::SecurityFailedLogin, origin, now)
            .to_account(seen)
            .telling(SignInRefused { reason: refusal.told() });
        match refusal {
            Refusal::WrongCredentials => {
                self.store.count_failure(email, seen, &event).await.map(|()| Noted::Done)
            }
            Refusal::Inactive | Refusal::NotVerified => self.store.note_refusal(email, seen, &event).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        let email = Email::parse("ada@example.com").unwrap();
        User::registered(email, "Ada".into(), "Lovelace".into(), Timestamp::UNIX_EPOCH)
    }

    fn verdict(user: Option<User>, right: bool, failures: u32) -> Option<Refusal> {
        let credential =
            Credential { failures, failed_at: Some(Timestamp::UNIX_EPOCH), ..Credential::default() };
        admit(user, right, (&credential, Unverified::IsRefused), Timestamp::UNIX_EPOCH).err()
    }

    #[test]
    fn a_wrong_password_says_nothing_about_the_account() {
        assert_eq!(verdict(None, true, 0), Some(Refusal::WrongCredentials));
        assert_eq!(verdict(Some(user()), false, 0), Some(Refusal::WrongCredentials));
    }

    #[test]
    fn a_right_password_is_refused_like_a_wrong_one_while_locked() {
        assert_eq!(verdict(Some(user()), true, 5), Some(Refusal::WrongCredentials));
    }

    #[test]
    fn whoever_knows_the_password_is_told_what_is_missing() {
        assert_eq!(verdict(Some(user()), true, 0), Some(Refusal::NotVerified));
        let inactive = User { status: crate::user::Status::Inactive, ..user() };
        assert_eq!(verdict(Some(inactive), true, 0), Some(Refusal::Inactive));
    }
}
