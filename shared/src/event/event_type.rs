//! The types of events, in one table: what each means, when it is told, what it means to an auditor, whom it names and
//! what else it tells. None can be without any of these; the OpenAPI document and its `webhooks` are made of them.

use std::any::TypeId;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::details::{
    AccessRefused, AccountCreated, AccountErased, AccountUpdated, BulkProgress, CountersReconciled,
    DataExported, Details, FieldsChanged, FirstAdministrator, NamedRole, NamedSession, NamedWebhook,
    NewPassword, Nothing, OtherSessionsEnded, OwnAccountErased, RoleChanged, SessionOpened, SignInRefused,
    SuspiciousActivity, TrailRead, WebhookDisabled,
};
use crate::audit::{Outcome, Resource, Severity};

/// Whether an event names somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Each event of the type does.
    Always,
    /// Some do.
    Sometimes,
    /// None does.
    Never,
}

/// Whom the events of a type name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parties {
    /// An actor, who is the subject too.
    Themselves,
    /// An actor, and the account that it was done to, which may be another.
    ActorAndSubject,
    /// An actor.
    Actor,
    /// The account that it was done to, or that it is about.
    Subject,
    /// The same, if there is one.
    SubjectIfKnown,
    /// An actor and a subject, each if known.
    IfKnown,
    /// Nobody.
    Nobody,
}

impl Parties {
    /// Whether there is an actor.
    pub fn actor(self) -> Presence {
        match self {
            Self::Themselves | Self::ActorAndSubject | Self::Actor => Presence::Always,
            Self::IfKnown => Presence::Sometimes,
            Self::Subject | Self::SubjectIfKnown | Self::Nobody => Presence::Never,
        }
    }

    /// Whether there is a subject.
    pub fn subject(self) -> Presence {
        match self {
            Self::Themselves | Self::ActorAndSubject | Self::Subject => Presence::Always,
            Self::SubjectIfKnown | Self::IfKnown => Presence::Sometimes,
            Self::Actor | Self::Nobody => Presence::Never,
        }
    }
}

/// Makes the type and what is known of each of its variants.
macro_rules! event_types {
    ($(
        #[doc = $meaning:literal]
        #[doc = $between:literal]
        $(#[doc = $occasion:literal])+
        $variant:ident = $name:literal:
            $severity:ident $outcome:ident $resource:ident, $parties:ident, $details:ident;
    )*) => {
        /// What happened. The names are a contract with those who subscribe.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum EventType {$(
            #[doc = $meaning]
            #[doc = $between]
            $(#[doc = $occasion])+
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

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning.trim_ascii(),)*
                }
            }

            /// When it is told.
            pub fn occasion(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($occasion),+).trim_ascii(),)*
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

            /// Whom it names.
            pub fn parties(self) -> Parties {
                match self {
                    $(Self::$variant => Parties::$parties,)*
                }
            }

            /// Whether it tells `D`.
            pub fn tells<D: Details>(self) -> bool {
                match self {
                    $(Self::$variant => TypeId::of::<D>() == TypeId::of::<$details>(),)*
                }
            }

            /// The schema of what it tells.
            pub fn details_schema(self) -> RefOr<Schema> {
                match self {
                    $(Self::$variant => $details::schema(),)*
                }
            }

            /// The schemas that [`Self::details_schema`] refers to, by their names.
            pub fn referred_schemas(self) -> Vec<(String, RefOr<Schema>)> {
                let mut schemas = Vec::new();
                match self {
                    $(Self::$variant => $details::schemas(&mut schemas),)*
                }
                schemas
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
    ///
    /// When somebody makes an account for themselves. Its address is not proven yet.
    UserRegistered = "user.registered": Info Success User, Themselves, Nothing;
    /// Somebody asked for another verification mail.
    ///
    /// At each such request for an address, whether it has an account that needs the mail or not.
    UserVerificationRequested = "user.verification_requested": Info Success Authentication, SubjectIfKnown, Nothing;
    /// Somebody verified their address.
    ///
    /// When the link in the verification mail is used.
    UserVerified = "user.verified": Info Success User, Themselves, Nothing;
    /// Somebody signed in.
    ///
    /// At each sign-in that opens a session; a refreshed token is none.
    UserLogin = "user.login": Info Success Authentication, Themselves, SessionOpened;
    /// Somebody signed out.
    ///
    /// When a session ends by the will of whoever uses it.
    UserLogout = "user.logout": Info Success Authentication, Themselves, NamedSession;
    /// Somebody ended one of their sessions from another.
    ///
    /// When the session that ends is not the one that asks for it.
    UserSessionEnded = "user.session_ended": Low Success Session, Themselves, NamedSession;
    /// Somebody ended all their sessions, or all but the one that asked.
    ///
    /// Once for all of them, however many there are.
    UserSessionsEnded = "user.sessions_ended": Low Success Authentication, Themselves, OtherSessionsEnded;
    /// Somebody has a new password.
    ///
    /// When it is changed with the old one, or set by the link in a mail. All earlier sessions have ended.
    UserPasswordChanged = "user.password_changed": Medium Success Authentication, Themselves, NewPassword;
    /// Somebody asked to change their address, and has yet to verify the new one.
    ///
    /// When the request is taken, whether the address is free or not.
    UserEmailChangeRequested = "user.email_change_requested": Medium Success Authentication, Themselves, Nothing;
    /// Somebody has a new address.
    ///
    /// When they verify it, or when an administrator sets it.
    UserEmailChanged = "user.email_changed": Medium Success Authentication, ActorAndSubject, Nothing;
    /// Somebody changed their profile.
    ///
    /// When at least one field has a new value.
    UserProfileUpdated = "user.profile_updated": Info Success User, Themselves, FieldsChanged;
    /// Somebody was approved.
    ///
    /// Sent along with `admin.user_approved`, for subscribers to `user.*`.
    UserApproved = "user.approved": Low Success User, ActorAndSubject, Nothing;
    /// Somebody exported their personal data.
    ///
    /// When the file is downloaded.
    UserDataExported = "user.data_exported": Medium Success User, Themselves, DataExported;
    /// Somebody erased their account.
    ///
    /// When it is erased. Receivers should erase what they keep of the subject, too.
    UserDeleted = "user.deleted": High Success User, Themselves, OwnAccountErased;
    /// An administrator created an account.
    ///
    /// Once for each account, also in bulk operations.
    AdminUserCreated = "admin.user_created": Medium Success User, ActorAndSubject, AccountCreated;
    /// An administrator deleted an account.
    ///
    /// When it is marked as deleted. `system.user_erased` follows when it is erased.
    AdminUserDeleted = "admin.user_deleted": High Success User, ActorAndSubject, Nothing;
    /// An administrator rejected an account.
    ///
    /// When the account is rejected. It is deactivated.
    AdminUserRejected = "admin.user_rejected": Medium Success User, ActorAndSubject, Nothing;
    /// An administrator changed an account.
    ///
    /// When at least one field has a new value.
    AdminUserUpdated = "admin.user_updated": Medium Success User, ActorAndSubject, AccountUpdated;
    /// An administrator ended one of somebody's sessions.
    ///
    /// When the session has ended.
    AdminUserSessionEnded = "admin.user_session_ended": Medium Success Session, ActorAndSubject, NamedSession;
    /// An administrator ended all of somebody's sessions.
    ///
    /// Once for all of them, however many there are.
    AdminUserSessionsEnded = "admin.user_sessions_ended": Medium Success Authentication, ActorAndSubject, Nothing;
    /// An administrator approved an account.
    ///
    /// When the account is approved.
    AdminUserApproved = "admin.user_approved": Medium Success User, ActorAndSubject, Nothing;
    /// An administrator created a role.
    ///
    /// When it can be assigned.
    AdminRoleCreated = "admin.role_created": High Success Role, Actor, NamedRole;
    /// An administrator changed a role, and with it the permissions of everybody who has it.
    ///
    /// At each change.
    AdminRoleUpdated = "admin.role_updated": High Success Role, Actor, RoleChanged;
    /// An administrator deleted a role.
    ///
    /// When it is deleted. No account had it.
    AdminRoleDeleted = "admin.role_deleted": High Success Role, Actor, NamedRole;
    /// A sign-in was refused.
    ///
    /// At each wrong password, also for an address that has no account, and where the password was right and the
    /// account may not be used. A wrong current password counts too, and then has an actor.
    SecurityFailedLogin = "security.failed_login": Medium Failure Authentication, IfKnown, SignInRefused;
    /// Somebody asked for a password reset.
    ///
    /// At each such request for an address, whether it has an account or not.
    SecurityPasswordReset = "security.password_reset": Medium Success Authentication, SubjectIfKnown, Nothing;
    /// Something happened that no honest client does.
    ///
    /// When a refresh token is used again after its successor was used: two clients have it. The session is ended.
    SecuritySuspiciousActivity = "security.suspicious_activity":
        Critical Failure Authentication, Subject, SuspiciousActivity;
    /// Somebody lacked the permission for a request.
    ///
    /// At each refusal for lack of a permission, up to twenty an hour for each person.
    SecurityAccessDenied = "security.access_denied": High Failure Permission, Actor, AccessRefused;
    /// An administrator created a webhook.
    ///
    /// When it is created. The webhook itself receives the event if it subscribes to it.
    AdminWebhookCreated = "admin.webhook_created": High Success Webhook, Actor, NamedWebhook;
    /// An administrator changed a webhook, and with it where events are sent, or which.
    ///
    /// At each change.
    AdminWebhookUpdated = "admin.webhook_updated": High Success Webhook, Actor, NamedWebhook;
    /// An administrator deleted a webhook.
    ///
    /// When it is deleted. Other webhooks receive the event.
    AdminWebhookDeleted = "admin.webhook_deleted": High Success Webhook, Actor, NamedWebhook;
    /// An administrator replaced the secret of a webhook.
    ///
    /// When messages are signed with the new one. For 24 hours they are also signed with the previous one.
    AdminWebhookSecretRotated = "admin.webhook_secret_rotated": Medium Success Webhook, Actor, NamedWebhook;
    /// An administrator replayed deliveries of a webhook.
    ///
    /// At each request that finds some.
    AdminWebhookReplayed = "admin.webhook_replayed": Medium Success Webhook, Actor, NamedWebhook;
    /// A webhook was disabled, because its server wants no more messages or accepts none.
    ///
    /// At an answer of 410, or after five days of failures; the subject is then its creator. Other webhooks receive
    /// the event.
    WebhookDisabled = "webhook.disabled": Medium Failure Webhook, SubjectIfKnown, WebhookDisabled;
    /// An administrator tested a webhook.
    ///
    /// When they ask for it. Only that webhook receives the event.
    WebhookTest = "webhook.test": Info Success Webhook, Actor, NamedWebhook;
    /// Somebody read the audit trail.
    ///
    /// Each time that a part of it is read or verified.
    AuditRead = "audit.read": Low Success AuditTrail, Actor, TrailRead;
    /// Somebody started a bulk operation that runs in the background.
    ///
    /// When the rows are stored. `admin.user_created` follows for each account, and `bulk.completed` at the end.
    BulkAccepted = "bulk.accepted": Medium Success User, Actor, BulkProgress;
    /// A bulk operation that ran in the background has ended.
    ///
    /// When the operation has completed or failed.
    BulkCompleted = "bulk.completed": Low Success User, Actor, BulkProgress;
    /// The first administrator was created by whoever installed the system.
    ///
    /// Once, before there can be a webhook.
    SystemFirstAdministratorCreated = "system.first_administrator_created":
        Critical Success User, Subject, FirstAdministrator;
    /// An account was erased, because it was deleted, or never verified, long enough ago.
    ///
    /// When it is erased. Receivers should erase what they keep of the subject, too.
    SystemUserErased = "system.user_erased": High Success User, Subject, AccountErased;
    /// The counters of accounts had drifted from the accounts and were corrected.
    ///
    /// When two counts in a row found the same difference.
    SystemCountersReconciled = "system.counters_reconciled": Medium Success Counters, Nobody, CountersReconciled;
}

impl PartialSchema for EventType {
    fn schema() -> RefOr<Schema> {
        let names = Self::ALL.iter().map(|it| it.name());
        let description = "What happened. The names are a contract with those who subscribe.";
        let schema = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
        schema.enum_values(Some(names)).into()
    }
}

impl ToSchema for EventType {}
