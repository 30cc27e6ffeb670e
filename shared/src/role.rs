//! Roles and permissions: a role is a name for a set of permissions and has a rank.
//!
//! Some roles are built in, others are made by administrators and kept in the table. Code asks for a
//! permission, never for a role. A permission is a type, so that a handler's signature says who may call it
//! ([`crate::http::Permitted`]).

mod custom;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use custom::{CustomRole, CustomRoleName, InvalidPermissions, KnownRole, permissions};

use crate::user::User;

/// The role of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Role {
    /// An ordinary person: their own profile.
    User,
    /// Reads and updates people, reads reports.
    Manager,
    /// Reads and updates people.
    Moderator,
    /// Reads the audit trail.
    Auditor,
    /// Manages people and the system.
    Admin,
    /// May do everything.
    SuperAdmin,
    /// One that administrators made: what it may do stands in the table ([`CustomRole`]).
    Custom(CustomRoleName),
}

/// What a built-in role is: its name, how people call it, its rank and what it may do.
struct Definition {
    role: Role,
    name: &'static str,
    display_name: &'static str,
    description: &'static str,
    rank: u8,
    permissions: &'static [&'static str],
}

const DEFINITIONS: [Definition; 6] = [
    Definition {
        role: Role::SuperAdmin,
        name: "super_admin",
        display_name: "Super Administrator",
        description: "All permissions",
        rank: 4,
        permissions: &["*:*"],
    },
    Definition {
        role: Role::Admin,
        name: "admin",
        display_name: "Administrator",
        description: "Full system access",
        rank: 3,
        permissions: &["user:create", "user:read", "user:update", "user:delete", "admin:all"],
    },
    Definition {
        role: Role::Manager,
        name: "manager",
        display_name: "Manager",
        description: "Limited management access",
        rank: 2,
        permissions: &["user:read", "user:update", "reports:read"],
    },
    Definition {
        role: Role::Moderator,
        name: "moderator",
        display_name: "Moderator",
        description: "Reads and updates users",
        rank: 2,
        permissions: &["user:read", "user:update"],
    },
    Definition {
        role: Role::Auditor,
        name: "auditor",
        display_name: "Auditor",
        description: "Audit log access only",
        rank: 2,
        permissions: &["audit:read", "logs:read", "reports:read"],
    },
    Definition {
        role: Role::User,
        name: "user",
        display_name: "Regular User",
        description: "Standard user access",
        rank: 1,
        permissions: &["profile:read", "profile:update"],
    },
];

/// What everybody may do with their own record, whatever their role.
const OWN: [&str; 2] = [ProfileRead::NAME, ProfileUpdate::NAME];

/// The rank of all roles that administrators make.
const CUSTOM_RANK: u8 = 2;

impl Role {
    /// All built-in roles, the highest first.
    pub fn built_in() -> impl Iterator<Item = Self> {
        DEFINITIONS.iter().map(|it| it.role.clone())
    }

    /// What it is, if it is built in: every such variant stands in the table.
    fn definition(&self) -> Option<&'static Definition> {
        DEFINITIONS.iter().find(|it| it.role == *self)
    }

    /// Its name in requests, answers and tokens.
    pub fn name(&self) -> &str {
        match self {
            Self::Custom(name) => name.as_str(),
            _ => self.definition().map_or("", |it| it.name),
        }
    }

    /// What people call it, if it is built in.
    pub fn display_name(&self) -> Option<&'static str> {
        self.definition().map(|it| it.display_name)
    }

    /// What it is for, in a few words, if it is built in.
    pub fn description(&self) -> Option<&'static str> {
        self.definition().map(|it| it.description)
    }

    /// The permissions that it names, if it is built in.
    pub fn permissions(&self) -> Option<&'static [&'static str]> {
        self.definition().map(|it| it.permissions)
    }

    /// Its name, if administrators made it.
    pub fn custom(&self) -> Option<&CustomRoleName> {
        match self {
            Self::Custom(name) => Some(name),
            _ => None,
        }
    }

    fn rank(&self) -> u8 {
        self.definition().map_or(CUSTOM_RANK, |it| it.rank)
    }

    /// Whether an account of this role may act on one of role `other`: only on those below it, a
    /// super administrator also on their peers.
    pub fn outranks(&self, other: &Self) -> bool {
        *self == Self::SuperAdmin || self.rank() > other.rank()
    }
}

/// There is no role of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a role")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    /// The role of this name; `normal` and `superuser` are other names of `user` and `manager`. Whether a role
    /// that is not built in exists, the table knows.
    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        match name {
            "normal" => return Ok(Self::User),
            "superuser" => return Ok(Self::Manager),
            _ => {}
        }
        let built_in = DEFINITIONS.iter().find(|it| it.name == name).map(|it| it.role.clone());
        built_in.map_or_else(|| name.parse().map(Self::Custom), Ok)
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownRole;

    fn try_from(name: String) -> Result<Self, UnknownRole> {
        name.parse()
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.name().to_owned()
    }
}

/// What an account may do now.
#[derive(Clone, Debug)]
pub struct Rights {
    /// What its role names.
    of_role: Vec<String>,
    /// The version that said so, where administrators made the role.
    role_version: Option<u64>,
    /// Whether an administrator let it in: until then, it only reads its own profile.
    is_approved: bool,
}

impl Rights {
    /// What `user` may do, `custom` being their role where that is not built in. A role that is gone may
    /// do nothing.
    pub fn of(user: &User, custom: Option<&CustomRole>) -> Self {
        let of_role = match (user.role.permissions(), custom) {
            (Some(built_in), _) => built_in.iter().map(ToString::to_string).collect(),
            (None, Some(role)) if user.role == Role::Custom(role.name.clone()) => role.permissions.clone(),
            (None, _) => Vec::new(),
        };
        let role_version = custom.map(|role| role.version);
        Self { of_role, role_version, is_approved: user.is_approved() }
    }

    /// The version of the role, where administrators made it: what is decided by another one may be decided otherwise.
    pub fn role_version(&self) -> Option<u64> {
        self.role_version
    }

    /// Whether the role may do `permission`, be it by name, by a wildcard or because it is about oneself.
    pub fn holds(&self, permission: &str) -> bool {
        OWN.contains(&permission) || self.of_role.iter().any(|held| covers(held, permission))
    }

    /// Whether the account may do `permission` now.
    pub fn may(&self, permission: &str) -> bool {
        self.holds(permission) && (self.is_approved || permission == ProfileRead::NAME)
    }

    /// All that the account may do now, by name.
    pub fn names(&self) -> Vec<String> {
        let own = OWN.into_iter().filter(|it| self.may(it)).map(ToOwned::to_owned);
        let others = self.of_role.iter().filter(|it| self.is_approved && !OWN.contains(&it.as_str()));
        own.chain(others.cloned()).collect()
    }
}

/// Whether holding the permission `held` is enough for `asked`.
///
/// `*:*` is enough for everything, `<family>:*` for all of its family; `admin:all` for all of the families that
/// administrators manage.
fn covers(held: &str, asked: &str) -> bool {
    let family = asked.split(':').next().unwrap_or_default();
    held == asked
        || held == "*:*"
        || held.strip_suffix(":*") == Some(family)
        || (held == "admin:all" && ["admin", "user", "audit", "bulk"].contains(&family))
}

/// A permission, as a type.
pub trait Permission: Send + Sync + 'static {
    /// Its name, `<family>:<action>`.
    const NAME: &'static str;
}

/// Permission types and their names.
macro_rules! permissions {
    ($($(#[$doc:meta])* $type:ident = $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $type;

        impl Permission for $type {
            const NAME: &'static str = $name;
        }
    )*};
}

permissions! {
    /// Read one's own profile.
    ProfileRead = "profile:read";
    /// Change one's own profile.
    ProfileUpdate = "profile:update";
    /// List and read users.
    UserRead = "user:read";
    /// Create users.
    UserCreate = "user:create";
    /// Change users.
    UserUpdate = "user:update";
    /// Delete users.
    UserDelete = "user:delete";
    /// Approve, reject, assign roles, configure.
    AdminAll = "admin:all";
    /// Read the audit trail.
    AuditRead = "audit:read";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::email::Email;
    use crate::user::Decision;

    fn rights(role: Role) -> Rights {
        let email = Email::parse("ada@example.com").unwrap();
        let user = User::registered(email, "Ada".into(), "Lovelace".into(), Timestamp::UNIX_EPOCH);
        let approval = Some(Decision { by: user.id, at: Timestamp::UNIX_EPOCH });
        Rights::of(&User { role, approval, ..user }, None)
    }

    fn custom(name: &str) -> Role {
        Role::Custom(name.parse().unwrap())
    }

    #[test]
    fn all_roles_are_defined() {
        for role in [Role::User, Role::Manager, Role::Moderator, Role::Auditor, Role::Admin, Role::SuperAdmin]
        {
            assert!(role.definition().is_some());
            assert_eq!(role.name().parse(), Ok(role));
        }
    }

    #[test]
    fn an_admin_manages_but_is_not_almighty() {
        assert!(rights(Role::Admin).may("bulk:create") && rights(Role::Admin).may("audit:read"));
        assert!(!rights(Role::Admin).may("logs:read"));
        assert!(rights(Role::SuperAdmin).may("logs:read"));
    }

    #[test]
    fn a_wildcard_is_enough_for_its_family_only() {
        assert!(covers("audit:*", "audit:read") && covers("*:*", "audit:*") && covers("admin:all", "user:*"));
        for (held, asked) in [("audit:*", "audits:read"), ("audit:*", "*:*"), ("audit:read", "audit:*")] {
            assert!(!covers(held, asked), "{held} {asked}");
        }
    }

    #[test]
    fn nobody_acts_on_a_peer_but_a_super_admin() {
        assert!(!Role::Admin.outranks(&Role::Admin) && !Role::Manager.outranks(&Role::Auditor));
        assert!(Role::SuperAdmin.outranks(&Role::SuperAdmin));
        assert!(Role::Manager.outranks(&Role::User) && !Role::User.outranks(&Role::User));
        assert!(custom("developer").outranks(&Role::User) && !custom("developer").outranks(&Role::Manager));
    }

    #[test]
    fn everybody_owns_their_profile() {
        assert!(Role::built_in().chain([custom("gone")]).all(|role| rights(role).may(ProfileUpdate::NAME)));
    }

    #[test]
    fn a_role_that_is_gone_may_do_nothing_else() {
        assert_eq!(rights(custom("gone")).names(), OWN);
    }
}
