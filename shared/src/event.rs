//! Events: what happened, told to the audit trail, to mail and to whoever subscribes.
//!
//! An event is written in the transaction of its change: it exists exactly when its change does. It names
//! people by their identifiers only, so that erasing a person needs no search through what was told.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{EventId, TenantId, UserId};
use crate::session::Device;
use crate::tally::{self, Tally};
use crate::token::Nonce;
use crate::user::User;

/// How long an event stays in the outbox. The stream holds it for a day; what failed is replayed from here.
const OUTBOX_DAYS: i64 = 7;

/// Kinds of events and their names.
macro_rules! event_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What happened. The names are a contract with those who subscribe.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum EventType {$(
            $(#[$doc])*
            #[serde(rename = $name)]
            $variant,
        )*}

        impl EventType {
            /// Its name, `<family>.<what happened>`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

event_types! {
    /// Somebody registered.
    UserRegistered = "user.registered",
    /// Somebody asked for another verification mail.
    UserVerificationRequested = "user.verification_requested",
    /// Somebody proved their address.
    UserVerified = "user.verified",
    /// Somebody signed in.
    UserLogin = "user.login",
    /// Somebody signed out.
    UserLogout = "user.logout",
    /// Somebody has a new password.
    UserPasswordChanged = "user.password_changed",
    /// Somebody changed their profile.
    UserProfileUpdated = "user.profile_updated",
    /// Somebody was let in.
    UserApproved = "user.approved",
    /// An administrator made an account.
    AdminUserCreated = "admin.user_created",
    /// An administrator deleted an account.
    AdminUserDeleted = "admin.user_deleted",
    /// An administrator refused to let somebody in.
    AdminUserRejected = "admin.user_rejected",
    /// An administrator changed an account.
    AdminUserUpdated = "admin.user_updated",
    /// An administrator let somebody in.
    AdminUserApproved = "admin.user_approved",
    /// A sign-in was refused.
    SecurityFailedLogin = "security.failed_login",
    /// Somebody asked for a password reset.
    SecurityPasswordReset = "security.password_reset",
    /// Something happened that an honest client does not do.
    SecuritySuspiciousActivity = "security.suspicious_activity",
    /// The first administrator was made, by whoever installed the system.
    SystemFirstAdministratorCreated = "system.first_administrator_created",
}

/// Where a change came from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The request that made it.
    pub request_id: String,
    /// The client.
    pub device: Device,
}

/// A letter that is to be sent because of an event. It holds no secret and no address: those are looked up
/// when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Notice {
    /// A link that proves the address.
    Verification {
        /// Of the token in the link.
        nonce: Nonce,
    },
    /// A link that sets a new password.
    PasswordReset {
        /// Of the token in the link.
        nonce: Nonce,
    },
    /// Your password was changed.
    PasswordChanged,
    /// You were let in.
    Approved,
    /// You were not.
    Rejected,
    /// A session of yours was ended, because two clients used it.
    SessionRevoked,
}

/// What happened, when, by whom, to whom, from where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Which event it is, wherever it is told.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// In which tenant.
    pub tenant: TenantId,
    /// When.
    pub at: Timestamp,
    /// Who did it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<UserId>,
    /// To whom, where that is an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<UserId>,
    /// The request that did it.
    pub request_id: String,
    /// From where.
    #[serde(flatten)]
    pub device: Device,
    /// What else there is to know.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
    /// By how much it changes the counters.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    pub tally: Tally,
    /// What the person is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Notice>,
    /// When the table may forget it, in seconds since the epoch.
    pub expires_at: i64,
}

impl Event {
    /// Something that happened at `at`, because of a request from `origin`.
    pub fn new(event_type: EventType, origin: &Origin, at: Timestamp) -> Self {
        Self {
            id: EventId::random(),
            event_type,
            tenant: TenantId::default_tenant(),
            at,
            actor: None,
            subject: None,
            request_id: origin.request_id.clone(),
            device: origin.device.clone(),
            data: Map::new(),
            tally: Tally::new(),
            mail: None,
            expires_at: at.as_second() + OUTBOX_DAYS * 86_400,
        }
    }

    /// It was done by `user`, to their own account.
    #[must_use]
    pub fn by_themselves(self, user: &User) -> Self {
        self.by(user.id).to(user)
    }

    /// It was done by `actor`.
    #[must_use]
    pub fn by(mut self, actor: UserId) -> Self {
        self.actor = Some(actor);
        self
    }

    /// It was done to `user`.
    #[must_use]
    pub fn to(mut self, user: &User) -> Self {
        self.subject = Some(user.id);
        self.tenant = user.tenant.clone();
        self
    }

    /// It was done to the account `user`, if there is one.
    #[must_use]
    pub fn to_account(mut self, user: Option<UserId>) -> Self {
        self.subject = user;
        self
    }

    /// With this detail. No personal data goes here.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// It makes the account `after` of the account `before`; there may be none before, or after.
    #[must_use]
    pub fn counting(mut self, before: Option<&User>, after: Option<&User>) -> Self {
        self.tally = tally::between(before, after);
        self
    }

    /// The account's owner is told by `letter`.
    #[must_use]
    pub fn mail(mut self, letter: Notice) -> Self {
        self.mail = Some(letter);
        self
    }
}
