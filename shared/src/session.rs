//! A session: one sign-in on one device, and the refresh token that continues it.
//!
//! Access tokens name their session and are worth nothing without it. A refresh token is spent by its use;
//! a second use means that two hold it, and ends the session (RFC 9700, 4.14.2).

mod device;
mod info;

pub use device::Device;
pub use info::SessionInfo;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::random;
use crate::user::User;

/// How long a `remember_me` session lives, in days.
const REMEMBERED_DAYS: i64 = 30;
/// How long after its first use the same client may use a refresh token again: a double click, a lost answer.
const GRACE_SECONDS: i64 = 10;

/// The unguessable name of a refresh token: its `jti`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshId(String);

impl RefreshId {
    /// A new one, of 128 random bits.
    pub fn random() -> Self {
        Self(crate::token::base64url(&random::bytes::<16>()))
    }

    /// The one that a token names.
    pub(crate) fn presented(jti: &str) -> Self {
        Self(jti.to_owned())
    }

    /// As it stands in the token and the table.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sign-in that continues.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Which it is.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The user's generation when it began, or when the others were ended: it is over once the user's is higher.
    pub generation: u64,
    /// The refresh token that continues it.
    pub refresh_id: RefreshId,
    /// When that token was made.
    pub refreshed_at: Timestamp,
    /// The refresh token before, which was spent for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent_id: Option<RefreshId>,
    /// Where it was opened, or continued last.
    pub device: Device,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends by itself, in seconds since the epoch (also the table's time to live).
    pub expires_at: i64,
}

/// What the use of a refresh token means for its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// The same client asks again at once: it gets the same answer again.
    Repeated,
    /// Two clients hold it.
    Stolen,
}

impl Session {
    /// A new session of `user` on `device`, for `days` days.
    pub fn open(user: &User, device: Device, days: i64, at: Timestamp) -> Self {
        Self {
            id: SessionId::random(),
            user_id: user.id,
            generation: user.generation,
            refresh_id: RefreshId::random(),
            refreshed_at: at,
            spent_id: None,
            device,
            created_at: at,
            expires_at: at.as_second() + days * 86_400,
        }
    }

    /// How many days a session lives: `days`, or longer if it is to be remembered.
    pub fn lifetime_days(days: i64, remember: bool) -> i64 {
        if remember { days.max(REMEMBERED_DAYS) } else { days }
    }

    /// Whether it is over for `user` at `now`. One that outlives the others is raised together with its user: whoever
    /// reads it raised, and its user not yet, takes it for live.
    pub fn is_over(&self, user: &User, now: Timestamp) -> bool {
        self.generation < user.generation || self.expires_at <= now.as_second()
    }

    /// What it means that `device` presents `presented`, which is not the token that continues it.
    pub fn judge_reuse(&self, presented: &RefreshId, device: &Device, now: Timestamp) -> Reuse {
        let just_spent = self.spent_id.as_ref() == Some(presented)
            && now.as_second() - self.refreshed_at.as_second() <= GRACE_SECONDS;
        if just_spent && self.device == *device { Reuse::Repeated } else { Reuse::Stolen }
    }
}
