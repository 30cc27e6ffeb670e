//! Events: what happened, told to the audit trail, to mail and to whoever subscribes.
//!
//! An event is written in the transaction of its change: it exists exactly when its change does. It names
//! people by their identifiers only, and keeps the device of a known person sealed by their own key
//! ([`crate::privacy`]), so that erasing a person needs no search through what was told.

pub mod details;
mod event_type;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::details::Details;
pub use self::event_type::{EventType, Parties, Presence};
use crate::clock::Timestamp;
use crate::credential::Credential;
use crate::id::{EventId, TenantId, UserId, WebhookId};
use crate::privacy::{KeptDevice, PrivacyKey, SealedEmail};
use crate::session::Device;
use crate::tally::Counted;
use crate::token::Nonce;
use crate::user::User;

/// How long an event stays in the outbox. The stream holds it for a day; what failed is replayed from here.
const OUTBOX_DAYS: i64 = 7;

/// The version of what events tell, as [`details`] has it: raised when a member is added, and for nothing else.
pub const VERSION: u32 = 1;

/// The version of events from before they said it.
fn first_version() -> u32 {
    1
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
    /// The [`VERSION`] that it was made by.
    #[serde(default = "first_version")]
    pub version: u32,
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
    /// What else there is to know: the [`details`] of its type.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
    /// As what its subject is to be counted, where it changes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
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
            version: VERSION,
            tenant: TenantId::default_tenant(),
            at,
            actor: None,
            subject: None,
            request_id: origin.request_id.clone(),
            device: origin.kept.clone(),
            data: Map::new(),
            counted: None,
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
            // An account's credential has its key; if it had none, nobody should read this.
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

    /// It tells these details, which are those of its type.
    ///
    /// # Panics
    /// In a debug build, where a type tells other details.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a struct of texts, numbers and lists is a JSON object")]
    pub fn telling<D: Details>(mut self, details: D) -> Self {
        debug_assert!(self.event_type.tells::<D>(), "{} tells other details", self.event_type.name());
        let object = serde_json::to_value(details).and_then(serde_json::from_value);
        self.data = object.expect("details are an object");
        self
    }

    /// It makes its subject `after` of the account `before`, if there was one: the version that was read, which whoever
    /// writes it asks for.
    #[must_use]
    pub fn counting(mut self, before: Option<&User>, after: &User) -> Self {
        self.counted = Counted::changed(before, after);
        self
    }

    /// It erases its subject.
    #[must_use]
    pub fn counting_out(mut self) -> Self {
        self.counted = Some(Counted::erased());
        self
    }

    /// The account's owner is told by `letter`.
    #[must_use]
    pub fn mail(mut self, letter: Notice) -> Self {
        self.mail = Some(letter);
        self
    }
}
