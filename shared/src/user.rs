//! A user: who they are and the state of their account. What lets them in is in [`crate::credential`]; the one
//! secret here lets nobody in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::email::Email;
use crate::id::{TenantId, UserId};
use crate::name::Username;
use crate::privacy::PrivacyKey;
use crate::role::Role;
use crate::token::{MailToken, Nonce, PendingToken, Purpose};

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The address it signs in with and is written to.
    pub email: Email,
    /// The new address, until it is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_email: Option<PendingEmail>,
    /// A second, short name; unique where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,
    /// Given name.
    pub first_name: String,
    /// Family name; may be empty where people have a single name.
    pub last_name: String,
    /// A telephone number, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// What whoever made the account keeps about it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What events keep of the person is sealed by it. An account from before there were such keys has a new one
    /// each time it is read: what is sealed by that nobody can read, which is the safe side.
    #[serde(default = "PrivacyKey::random")]
    pub privacy_key: PrivacyKey,
    /// What it may do.
    pub role: Role,
    /// Whether it works at all.
    pub status: Status,
    /// When the address was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
    /// Who approved it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Decision>,
    /// Who refused to let it in, when and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// Whether its password is a temporary one.
    #[serde(default)]
    pub must_change_password: bool,
    /// Sessions of an earlier generation are over: raised by whatever must end them all.
    pub generation: u64,
    /// Raised by each change that a person made; what an `ETag` is made of.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When a person last changed it.
    pub updated_at: Timestamp,
    /// When it last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
    /// How often it signed in.
    #[serde(default)]
    pub login_count: u64,
}

/// Whether an account works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It works.
    Active,
    /// An administrator switched it off.
    Inactive,
    /// It is gone for everybody, and will be erased.
    Deleted,
}

impl Status {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Deleted => "deleted",
        }
    }
}

/// An address that somebody wants to have. It is not claimed: until they prove it, it is anybody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingEmail {
    /// The address.
    pub email: Email,
    /// The token that proves it.
    pub token: PendingToken,
}

impl PendingEmail {
    /// The address, asked for at `now`, with a token of its own.
    pub fn new(email: Email, now: Timestamp) -> Self {
        Self { email, token: PendingToken::new(Purpose::ChangeEmail, now) }
    }
}

/// Somebody's decision about an account.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// Who decided.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// Somebody's decision not to let an account in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rejection {
    /// Who decided, when.
    #[serde(flatten)]
    pub decision: Decision,
    /// What the person is told; may be empty.
    pub reason: String,
}

impl User {
    /// A person who just registered: not verified, not approved, an ordinary user.
    pub fn registered(email: Email, first_name: String, last_name: String, at: Timestamp) -> Self {
        Self {
            id: UserId::random(),
            tenant: TenantId::default_tenant(),
            email,
            pending_email: None,
            username: None,
            first_name,
            last_name,
            phone: None,
            metadata: Map::new(),
            privacy_key: PrivacyKey::random(),
            role: Role::User,
            status: Status::Active,
            verified_at: None,
            approval: None,
            rejection: None,
            deleted_at: None,
            must_change_password: false,
            generation: 0,
            version: 1,
            created_at: at,
            updated_at: at,
            last_login_at: None,
            login_count: 0,
        }
    }

    /// Whether the account works.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Whether the address was proven.
    pub fn is_verified(&self) -> bool {
        self.verified_at.is_some()
    }

    /// Whether an administrator let the account in.
    pub fn is_approved(&self) -> bool {
        self.approval.is_some()
    }

    /// Whether the account may do what its role lets it do: it works, is verified and approved.
    pub fn is_let_in(&self) -> bool {
        self.is_active() && self.is_verified() && self.is_approved()
    }

    /// The address that they have asked for with the token of this `nonce`, unless they did so again since.
    pub fn email_asked_for(&self, nonce: Nonce) -> Option<&Email> {
        self.pending_email.as_ref().filter(|it| it.token.nonce == nonce).map(|it| &it.email)
    }

    /// The address that they asked for, while the link that proves it is fresh.
    pub fn email_just_asked_for(&self, now: Timestamp) -> Option<&Email> {
        self.pending_email.as_ref().filter(|it| it.token.is_fresh(now)).map(|it| &it.email)
    }

    /// The account with the address that `token` proves at `now`, if it is theirs, still good and the account works.
    pub fn with_proven_email(&self, token: MailToken, now: Timestamp) -> Option<Self> {
        let expires_at = self.pending_email.as_ref()?.token.expires_at;
        let is_good = token.user_id == self.id && now.as_second() < expires_at && self.is_active();
        let email = self.email_asked_for(token.nonce).filter(|_| is_good)?.clone();
        Some(Self {
            email,
            pending_email: None,
            verified_at: Some(now),
            updated_at: now,
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// Both names as one.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim_end().to_owned()
    }

    /// What a password of theirs must not contain.
    pub fn personal_words(&self) -> [&str; 3] {
        [self.email.as_str(), &self.first_name, &self.last_name]
    }
}
