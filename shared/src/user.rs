//! A user: who they are and the state of their account. No secret is here; those are in [`crate::credential`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::email::Email;
use crate::id::{TenantId, UserId};
use crate::role::Role;

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The address it signs in with and is written to.
    pub email: Email,
    /// A second, short name; unique where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Given name.
    pub first_name: String,
    /// Family name; may be empty where people have a single name.
    pub last_name: String,
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
            username: None,
            first_name,
            last_name,
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

    /// Both names as one.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim_end().to_owned()
    }

    /// What a password of theirs must not contain.
    pub fn personal_words(&self) -> [&str; 3] {
        [self.email.as_str(), &self.first_name, &self.last_name]
    }

    /// What the account may do now.
    pub fn permissions(&self) -> Vec<&'static str> {
        let own = ["profile:read", "profile:update"].into_iter().filter(|it| self.may(it));
        let of_role = self
            .role
            .permissions()
            .iter()
            .copied()
            .filter(|it| self.is_approved() && !it.starts_with("profile:"));
        own.chain(of_role).collect()
    }

    /// Whether the account may do `permission` now: until it is approved, it only reads its own profile.
    pub fn may(&self, permission: &str) -> bool {
        self.role.may(permission) && (self.is_approved() || permission == "profile:read")
    }
}
