//! A credential: what an address must show to sign in, and how often it failed to.
//!
//! It is kept under the address, whether that has an account or not, so that a lock tells nobody which
//! addresses have one. Only the functions that check or move passwords may read it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::password::PasswordHash;
use crate::privacy::PrivacyKey;
use crate::token::PendingToken;

/// Wrong passwords in a row before an address is locked.
const FREE_ATTEMPTS: u32 = 5;
/// The first lock; each further wrong password doubles it.
const FIRST_LOCK: Duration = Duration::from_mins(1);
/// The longest lock.
const LONGEST_LOCK: Duration = Duration::from_hours(1);

/// What the table knows of an address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Credential {
    /// The account, if the address has one.
    pub account: Option<AccountCredential>,
    /// The account's privacy key: what strangers do at the address is sealed by it, before the account is read.
    pub privacy_key: Option<PrivacyKey>,
    /// Wrong passwords since the last right one.
    pub failures: u32,
    /// When the last wrong password was tried.
    pub failed_at: Option<Timestamp>,
    /// The verification token that is out.
    pub verification: Option<PendingToken>,
    /// The password reset token that is out.
    pub reset: Option<PendingToken>,
}

/// A credential as the table holds it: the account's attributes beside the others.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_hash: Option<PasswordHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    privacy_key: Option<PrivacyKey>,
    #[serde(default, skip_serializing_if = "is_zero")]
    failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verification: Option<PendingToken>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reset: Option<PendingToken>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl From<Stored> for Credential {
    fn from(stored: Stored) -> Self {
        let password_hash = stored.password_hash;
        Self {
            account: stored.user_id.map(|user_id| AccountCredential { user_id, password_hash }),
            privacy_key: stored.privacy_key,
            failures: stored.failures,
            failed_at: stored.failed_at,
            verification: stored.verification,
            reset: stored.reset,
        }
    }
}

impl From<Credential> for Stored {
    fn from(credential: Credential) -> Self {
        Self {
            user_id: credential.user_id(),
            password_hash: credential.account.and_then(|account| account.password_hash),
            privacy_key: credential.privacy_key,
            failures: credential.failures,
            failed_at: credential.failed_at,
            verification: credential.verification,
            reset: credential.reset,
        }
    }
}

/// The account that an address belongs to.
#[derive(Clone, Debug)]
pub struct AccountCredential {
    /// Whose address it is.
    pub user_id: UserId,
    /// The password, hashed. An account that was made for somebody has none until they choose it.
    pub password_hash: Option<PasswordHash>,
}

impl Credential {
    /// The credential of a new account.
    pub fn new(user_id: UserId, password_hash: PasswordHash) -> Self {
        let password_hash = Some(password_hash);
        Self { account: Some(AccountCredential { user_id, password_hash }), ..Self::default() }
    }

    /// The credential of a new account whose owner is to choose a password by `invitation`. Until then none is
    /// right.
    pub fn invited(user_id: UserId, invitation: PendingToken) -> Self {
        let account = Some(AccountCredential { user_id, password_hash: None });
        Self { account, reset: Some(invitation), ..Self::default() }
    }

    /// Whose address it is, if it has an account.
    pub fn user_id(&self) -> Option<UserId> {
        self.account.as_ref().map(|account| account.user_id)
    }

    /// The password, hashed, if the address has an account and that has one.
    pub fn password_hash(&self) -> Option<&PasswordHash> {
        self.account.as_ref()?.password_hash.as_ref()
    }

    /// What a password is verified against at `now`: nothing while none is accepted, so that guessing on makes no more
    /// work than where there is no account.
    pub fn hash_to_verify(&self, now: Timestamp) -> Option<&PasswordHash> {
        self.password_hash().filter(|_| !self.is_locked(now))
    }

    /// Until when no password is accepted, the right one included.
    ///
    /// Locks grow from one minute, doubling with each wrong password after the fifth, up to an hour; the
    /// count starts anew with a right password or a reset. (OWASP ASVS 5.0, 6.3.1; NIST SP 800-63B, 3.2.2.)
    pub fn locked_until(&self) -> Option<Timestamp> {
        let beyond = self.failures.checked_sub(FREE_ATTEMPTS)?;
        let doubled = FIRST_LOCK.saturating_mul(2_u32.saturating_pow(beyond));
        let lock = doubled.min(LONGEST_LOCK);
        self.failed_at?.checked_add(jiff::SignedDuration::try_from(lock).ok()?).ok()
    }

    /// Whether no password is accepted now.
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until().is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failures: u32) -> Credential {
        Credential { failures, failed_at: Some(Timestamp::UNIX_EPOCH), ..Credential::default() }
    }

    fn lock_seconds(failures: u32) -> Option<i64> {
        after(failures).locked_until().map(Timestamp::as_second)
    }

    #[test]
    fn the_fifth_wrong_password_locks_for_a_minute() {
        assert_eq!(lock_seconds(4), None);
        assert_eq!(lock_seconds(5), Some(60));
    }

    #[test]
    fn locks_double_up_to_an_hour() {
        assert_eq!([6, 7, 8, 10, 11, 200].map(lock_seconds), [120, 240, 480, 1920, 3600, 3600].map(Some));
    }

    #[test]
    fn an_invited_account_has_its_address_and_no_password() {
        let user_id = UserId::random();
        let invited = Credential::invited(user_id, PendingToken::invitation(Timestamp::UNIX_EPOCH));
        let stored = serde_json::to_value(invited).unwrap();
        assert_eq!((&stored["user_id"], stored.get("password_hash")), (&serde_json::json!(user_id), None));
        let read: Credential = serde_json::from_value(stored).unwrap();
        assert_eq!((read.user_id(), read.password_hash(), read.reset.is_some()), (Some(user_id), None, true));
    }

    #[test]
    fn while_it_is_locked_there_is_nothing_to_verify_against() {
        let hash = PasswordHash::imported("$2b$04$wvt4oum6rivozO8GTKMT6.Mdxgn7VHsJRbHBTYtC8QRUS4Stuc0jG");
        let account = Some(AccountCredential { user_id: UserId::random(), password_hash: hash });
        let locked = Credential { account, ..after(5) };
        assert!(locked.hash_to_verify(Timestamp::from_second(59).unwrap()).is_none());
        assert!(locked.hash_to_verify(Timestamp::from_second(60).unwrap()).is_some());
    }

    #[test]
    fn a_lock_ends_by_itself() {
        let credential = after(5);
        assert!(credential.is_locked(Timestamp::from_second(59).unwrap()));
        assert!(!credential.is_locked(Timestamp::from_second(60).unwrap()));
    }
}
