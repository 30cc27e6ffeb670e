//! Events: what happened, told to the audit trail, to mail and to whoever subscribes.
//!
//! An event is written in the transaction of its change: it exists exactly when its change does. It names
//! people by their identifiers only, and keeps the device of a known person sealed by their own key
//! ([`crate::privacy`]), so that erasing a person needs no search through what was told.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::audit::{Outcome, Resource, Severity};
use crate::clock::Timestamp;
use crate::credential::Credential;
use crate::id::{EventId, TenantId, UserId, WebhookId};
use crate::privacy::{KeptDevice, PrivacyKey, SealedEmail};
use crate::session::Device;
use crate::tally::{self, Tally};
use crate::token::Nonce;
use crate::user::User;

/// How long an event stays in the outbox. The stream holds it for a day; what failed is replayed from here.
const OUTBOX_DAYS: i64 = 7;

/// Kinds of events: their names and what each means to an auditor, so that none can be without a meaning.
macro_rules! event_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $severity:ident $outcome:ident $resource:ident,)*) => {
        /// What happened. The names are a contract with those who subscribe.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum EventType {$(
            $(#[$doc])*
            #[serde(rename = $name)]
            $variant,
        )*}

        impl EventType {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, `<family>.<what happened>`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// How severe it is.
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)*
                }
            }

            /// How it went.
            pub fn outcome(self) -> Outcome {
                match self {
                    $(Self::$variant => Outcome::$outcome,)*
                }
            }

            /// What kind of thing it was done to.
            pub fn resource(self) -> Resource {
                match self {
                    $(Self::$variant => Resource::$resource,)*
                }
            }

            /// The first part of its name.
            pub fn family(self) -> &'static str {
                self.name().split_once('.').map_or(self.name(), |(family, _)| family)
            }
        }
    };
}

event_types! {
    /// Somebody registered.
    UserRegistered = "user.registered": Info Success User,
    /// Somebody asked for another verification mail.
    UserVerificationRequested = "user.verification_requested": Info Success Authentication,
    /// Somebody proved their address.
    UserVerified = "user.verified": Info Success User,
    /// Somebody signed in.
    UserLogin = "user.login": Info Success Authentication,
    /// Somebody signed out.
    UserLogout = "user.logout": Info Success Authentication,
    /// Somebody ended one of their sessions from another.
    UserSessionEnded = "user.session_ended": Low Success Session,
    /// Somebody ended all their sessions, or all but the one that asked.
    UserSessionsEnded = "user.sessions_ended": Low Success Authentication,
    /// Somebody has a new password.
    UserPasswordChanged = "user.password_changed": Medium Success Authentication,
    /// Somebody asked for another address, which they have yet to prove.
    UserEmailChangeRequested = "user.email_change_requested": Medium Success Authentication,
    /// Somebody has a new address.
    UserEmailChanged = "user.email_changed": Medium Success Authentication,
    /// Somebody changed their profile.
    UserProfileUpdated = "user.profile_updated": Info Success User,
    /// Somebody was let in.
    UserApproved = "user.approved": Low Success User,
    /// Somebody took a copy of what is kept about them.
    UserDataExported = "user.data_exported": Medium Success User,
    /// Somebody erased their account.
    UserDeleted = "user.deleted": High Success User,
    /// An administrator made an account.
    AdminUserCreated = "admin.user_created": Medium Success User,
    /// An administrator deleted an account.
    AdminUserDeleted = "admin.user_deleted": High Success User,
    /// An administrator refused to let somebody in.
    AdminUserRejected = "admin.user_rejected": Medium Success User,
    /// An administrator changed an account.
    AdminUserUpdated = "admin.user_updated": Medium Success User,
    /// An administrator ended one of somebody's sessions.
    AdminUserSessionEnded = "admin.user_session_ended": Medium Success Session,
    /// An administrator ended all of somebody's sessions.
    AdminUserSessionsEnded = "admin.user_sessions_ended": Medium Success Authentication,
    /// An administrator let somebody in.
    AdminUserApproved = "admin.user_approved": Medium Success User,
    /// An administrator made a role.
    AdminRoleCreated = "admin.role_created": High Success Role,
    /// An administrator changed a role, and with it what everybody who has it may do.
    AdminRoleUpdated = "admin.role_updated": High Success Role,
    /// An administrator removed a role.
    AdminRoleDeleted = "admin.role_deleted": High Success Role,
    /// A sign-in was refused.
    SecurityFailedLogin = "security.failed_login": Medium Failure Authentication,
    /// Somebody asked for a password reset.
    SecurityPasswordReset = "security.password_reset": Medium Success Authentication,
    /// Something happened that an honest client does not do.
    SecuritySuspiciousActivity = "security.suspicious_activity": Critical Failure Authentication,
    /// Somebody asked for what they may not do.
    SecurityAccessDenied = "security.access_denied": High Failure Permission,
    /// An administrator made a webhook.
    AdminWebhookCreated = "admin.webhook_created": High Success Webhook,
    /// An administrator changed a webhook, and with it where events are told, or which.
    AdminWebhookUpdated = "admin.webhook_updated": High Success Webhook,
    /// An administrator removed a webhook.
    AdminWebhookDeleted = "admin.webhook_deleted": High Success Webhook,
    /// An administrator gave a webhook a new secret.
    AdminWebhookSecretRotated = "admin.webhook_secret_rotated": Medium Success Webhook,
    /// A webhook was switched off, because its server wants no more or takes nothing.
    WebhookDisabled = "webhook.disabled": Medium Failure Webhook,
    /// An administrator tries a webhook. It is told to that webhook, and to nobody else.
    WebhookTest = "webhook.test": Info Success Webhook,
    /// Somebody read the audit trail.
    AuditRead = "audit.read": Low Success AuditTrail,
    /// Somebody handed in more accounts than are made at once.
    BulkAccepted = "bulk.accepted": Medium Success User,
    /// All of them were made, or why not is known.
    BulkCompleted = "bulk.completed": Low Success User,
    /// The first administrator was made, by whoever installed the system.
    SystemFirstAdministratorCreated = "system.first_administrator_created": Critical Success User,
    /// An account was erased, because it was deleted, or made and never verified, long enough ago.
    SystemUserErased = "system.user_erased": High Success User,
    /// The counters of accounts had drifted from the accounts, and were mended.
    SystemCountersReconciled = "system.counters_reconciled": Medium Success Counters,
}

/// Where a change came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// The request that made it.
    pub request_id: String,
    /// The client; empty where an origin was kept for what is done later.
    #[serde(skip)]
    pub device: Device,
    /// The client as events keep it.
    #[serde(flatten)]
    kept: KeptDevice,
}

impl Origin {
    /// A request of nobody known, from `device`.
    pub fn new(request_id: String, device: Device) -> Self {
        Self { request_id, kept: KeptDevice::Clear(device.clone()), device }
    }

    /// The same request, which turned out to be of `user`.
    #[must_use]
    pub fn of(mut self, user: &User) -> Self {
        self.kept = KeptDevice::Clear(self.device.clone()).sealed_for(user.id, &user.privacy_key);
        self
    }
}

/// A letter that is to be sent because of an event. It holds no secret, and no address that could be read from it:
/// those are looked up when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// An account was made for you; a link that sets its password.
    Invitation {
        /// Of the token in the link.
        nonce: Nonce,
    },
    /// Your password was changed.
    PasswordChanged,
    /// A link that makes this address the one of your account.
    EmailProof {
        /// Of the token in the link.
        nonce: Nonce,
    },
    /// Your account is to have another address.
    EmailChangeRequested,
    /// This is the address of your account now.
    EmailAssigned,
    /// This is the address of your account no more.
    EmailReplaced {
        /// The address that is to hear it.
        former: SealedEmail,
    },
    /// You were let in.
    Approved,
    /// You were not.
    Rejected,
    /// A session of yours was ended, because two clients used it.
    SessionRevoked,
    /// A webhook that you made takes nothing, and was switched off.
    WebhookDisabled {
        /// Which.
        webhook: WebhookId,
    },
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
    /// From where: sealed by the actor's key, or else the subject's.
    #[serde(flatten)]
    pub device: KeptDevice,
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
            device: origin.kept.clone(),
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
        self.device = self.device.sealed_for(user.id, &user.privacy_key);
        self
    }

    /// It was done at the address of `credential`: to its account, if it has one.
    #[must_use]
    pub fn to_account(mut self, credential: &Credential) -> Self {
        self.subject = credential.user_id();
        if let Some(user) = self.subject {
            // Without a key to seal by, nobody shall read it.
            let key = credential.privacy_key.clone().unwrap_or_else(PrivacyKey::random);
            self.device = self.device.sealed_for(user, &key);
        }
        self
    }

    /// It was done to what belongs to `tenant`.
    #[must_use]
    pub fn within(mut self, tenant: &TenantId) -> Self {
        self.tenant = tenant.clone();
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
