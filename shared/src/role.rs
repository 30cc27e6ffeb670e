//! Roles and permissions: a role is a name for a set of permissions and has a rank.
//!
//! Code asks for a permission, never for a role. A permission is a type, so that a handler's signature says
//! who may call it ([`crate::http::Permitted`]).

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A built-in role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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

impl Role {
    /// All built-in roles, the highest first.
    pub fn all() -> impl Iterator<Item = Self> {
        DEFINITIONS.iter().map(|it| it.role)
    }

    fn definition(self) -> &'static Definition {
        // Every variant stands in the table: `all_roles_are_defined` holds it to that.
        DEFINITIONS.iter().find(|it| it.role == self).unwrap_or(&DEFINITIONS[DEFINITIONS.len() - 1])
    }

    /// Its name in requests, answers and tokens.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// What people call it.
    pub fn display_name(self) -> &'static str {
        self.definition().display_name
    }

    /// What it is for, in a few words.
    pub fn description(self) -> &'static str {
        self.definition().description
    }

    /// The permissions that it names.
    pub fn permissions(self) -> &'static [&'static str] {
        self.definition().permissions
    }

    /// Whether this role may do `permission`, be it by name, by a wildcard or because it is about oneself.
    pub fn may(self, permission: &str) -> bool {
        OWN.contains(&permission) || self.permissions().iter().any(|held| covers(held, permission))
    }

    /// Whether an account of this role may act on one of role `other`: only on those below it, a
    /// super administrator also on their peers.
    pub fn outranks(self, other: Self) -> bool {
        self == Self::SuperAdmin || self.definition().rank > other.definition().rank
    }
}

/// There is no role of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a role")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    /// The role of this name; `normal` and `superuser` are other names of `user` and `manager`.
    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        match name {
            "normal" => Ok(Self::User),
            "superuser" => Ok(Self::Manager),
            _ => DEFINITIONS.iter().find(|it| it.name == name).map(|it| it.role).ok_or(UnknownRole),
        }
    }
}

/// Whether holding the permission `held` is enough for `asked`.
///
/// `*:*` is enough for everything; `admin:all` for all of the families that administrators manage.
fn covers(held: &str, asked: &str) -> bool {
    let family = asked.split(':').next().unwrap_or_default();
    held == asked
        || held == "*:*"
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

    #[test]
    fn all_roles_are_defined() {
        for role in [Role::User, Role::Manager, Role::Moderator, Role::Auditor, Role::Admin, Role::SuperAdmin]
        {
            assert_eq!(role.definition().role, role);
            assert_eq!(role.name().parse(), Ok(role));
        }
    }

    #[test]
    fn an_admin_manages_but_is_not_almighty() {
        assert!(Role::Admin.may("bulk:create") && Role::Admin.may("audit:read"));
        assert!(!Role::Admin.may("logs:read"));
        assert!(Role::SuperAdmin.may("logs:read"));
    }

    #[test]
    fn nobody_acts_on_a_peer_but_a_super_admin() {
        assert!(!Role::Admin.outranks(Role::Admin) && !Role::Manager.outranks(Role::Auditor));
        assert!(Role::SuperAdmin.outranks(Role::SuperAdmin));
        assert!(Role::Manager.outranks(Role::User) && !Role::User.outranks(Role::User));
    }

    #[test]
    fn everybody_owns_their_profile() {
        assert!(Role::all().all(|role| role.may(ProfileUpdate::NAME)));
    }
}
