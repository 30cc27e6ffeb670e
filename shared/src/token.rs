//! The tokens that mails carry: `ver_…` proves an address, `eml_…` one that is to be the account's, `rst_…` sets a
//! new password.
//!
//! A token is `<prefix><base64url(user id ‖ nonce ‖ MAC)>`. The table keeps only the nonce and the expiry, and
//! without the MAC's key ([`crate::keys`]) neither makes a token: whoever reads the table, the stream or a
//! backup can use nothing. A forged token is refused without asking the table. The nonce lies with the
//! address's credential (of an address that is to be, with the user), so a newer token, a changed password and a
//! changed address all kill an older one. (OWASP ASVS 5.0, 6.4.1: single use, expiring, unguessable.)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::random;

/// Bytes as unpadded base64url.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Unpadded base64url back to bytes.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// How long an invitation may be used: a week, because nobody waits for it.
pub const INVITATION_SECONDS: i64 = 7 * 86_400;
/// How long a mailed token stays the one that is out, whoever asks for another: long enough to follow its link.
pub(crate) const FRESH_SECONDS: i64 = 5 * 60;

/// What a mailed token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Prove that the address is one's own.
    VerifyEmail,
    /// Prove an address to have it from then on.
    ChangeEmail,
    /// Set a new password.
    ResetPassword,
}

impl Purpose {
    /// What its tokens begin with. Mails that are under way carry it: it can not be changed.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::VerifyEmail => "ver_",
            Self::ChangeEmail => "eml_",
            Self::ResetPassword => "rst_",
        }
    }

    /// How long a token may be used: a day, an hour.
    pub fn lifetime_seconds(self) -> i64 {
        match self {
            Self::VerifyEmail | Self::ChangeEmail => 86_400,
            Self::ResetPassword => 3_600,
        }
    }
}

/// What makes a token this one and no other. No secret: a token needs the MAC's key too.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// Its length in bytes.
    pub const LENGTH: usize = 16;

    /// A new one.
    pub fn random() -> Self {
        Self(random::bytes())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A nonce of exactly these bytes, if they are 16.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().map(Self).ok()
    }
}

impl std::fmt::Debug for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonce")
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        base64url(&nonce.0)
    }
}

impl TryFrom<String> for Nonce {
    type Error = crate::id::InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        from_base64url(&text).as_deref().and_then(Self::from_bytes).ok_or(crate::id::InvalidId)
    }
}

/// A token that is out, as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingToken {
    /// Which token it is.
    pub nonce: Nonce,
    /// Until when it may be used, in seconds since the epoch.
    pub expires_at: i64,
    /// When it was mailed last, in seconds since the epoch; 0 where an earlier release did that.
    #[serde(default)]
    pub mailed_at: i64,
}

impl PendingToken {
    /// A new token for `purpose`, made at `now`.
    pub fn new(purpose: Purpose, now: Timestamp) -> Self {
        Self::living(purpose.lifetime_seconds(), now)
    }

    /// A new token that sets the first password of an account which was made for somebody at `now`.
    pub fn invitation(now: Timestamp) -> Self {
        Self::living(INVITATION_SECONDS, now)
    }

    /// The token that is to be mailed to whoever asks for one at `now`, `out` being the one that is out: none while
    /// that is fresh. One that lives longer than a new one, as an invitation does, is mailed again. So a stranger who
    /// asks shortens nothing, and floods nobody.
    pub fn asked_for(purpose: Purpose, out: Option<Self>, now: Timestamp) -> Option<Self> {
        let new = Self::new(purpose, now);
        match out {
            Some(out) if out.is_fresh(now) => None,
            Some(out) if out.expires_at > new.expires_at => Some(Self { mailed_at: new.mailed_at, ..out }),
            _ => Some(new),
        }
    }

    /// Whether it was mailed less than five minutes ago.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.as_second() < self.mailed_at + FRESH_SECONDS
    }

    fn living(seconds: i64, now: Timestamp) -> Self {
        let now = now.as_second();
        Self { nonce: Nonce::random(), expires_at: now + seconds, mailed_at: now }
    }
}

/// What a token that was presented says, once its MAC is found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailToken {
    /// Whose it is.
    pub user_id: UserId,
    /// Which it is.
    pub nonce: Nonce,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_lives_a_week() {
        assert_eq!(PendingToken::invitation(Timestamp::UNIX_EPOCH).expires_at, 604_800);
        assert_eq!(PendingToken::new(Purpose::ResetPassword, Timestamp::UNIX_EPOCH).expires_at, 3_600);
    }

    #[test]
    fn asking_again_replaces_no_fresh_token_and_no_longer_one() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let ask = |out, seconds| PendingToken::asked_for(Purpose::ResetPassword, Some(out), at(seconds));
        let first = PendingToken::new(Purpose::ResetPassword, at(0));
        assert_eq!(ask(first, 299), None);
        let second = ask(first, 300).unwrap();
        assert!(second.nonce != first.nonce && second.expires_at == 3_900);
        let invitation = PendingToken::invitation(at(0));
        assert_eq!(ask(invitation, 300), Some(PendingToken { mailed_at: 300, ..invitation }));
        assert_ne!(ask(invitation, 604_800 - 3_600).unwrap().nonce, invitation.nonce);
    }
}
