//! Roles that administrators make: a name that no built-in role has, and permissions as text.
//!
//! Permissions of families that the system does not know are an application's own: they are kept and told, and
//! nothing here asks for them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{DEFINITIONS, Role, UnknownRole};
use crate::clock::Timestamp;
use crate::id::TenantId;

/// How many permissions a role may have.
const MOST_PERMISSIONS: usize = 50;
/// The longest permission, in characters.
const LONGEST_PERMISSION: usize = 64;

/// The name of a role that administrators made: 2 to 32 of `a` to `z`, digits and underscores, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CustomRoleName(String);

/// A role that administrators made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CustomRole {
    /// Whose it is.
    pub tenant: TenantId,
    /// What accounts that have it name.
    pub name: CustomRoleName,
    /// What people call it.
    pub display_name: String,
    /// What it is for, in a few words.
    pub description: String,
    /// What it may do, `<family>:<action>` each.
    pub permissions: Vec<String>,
    /// Raised by each change.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A role that exists: built in, or read from the table.
#[derive(Clone, Debug)]
pub enum KnownRole {
    /// One that is built in.
    BuiltIn(Role),
    /// One that administrators made.
    Custom(CustomRole),
}

impl KnownRole {
    /// What accounts that have it hold.
    pub fn role(&self) -> Role {
        match self {
            Self::BuiltIn(role) => role.clone(),
            Self::Custom(custom) => Role::Custom(custom.name.clone()),
        }
    }
}

impl CustomRoleName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CustomRoleName {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        let is_name = (2..=32).contains(&name.len())
            && is_word(name)
            && !["normal", "superuser"].contains(&name)
            && DEFINITIONS.iter().all(|it| it.name != name);
        if is_name { Ok(Self(name.to_owned())) } else { Err(UnknownRole) }
    }
}

impl TryFrom<String> for CustomRoleName {
    type Error = UnknownRole;

    fn try_from(name: String) -> Result<Self, UnknownRole> {
        name.parse()
    }
}

impl From<CustomRoleName> for String {
    fn from(name: CustomRoleName) -> Self {
        name.0
    }
}

impl fmt::Display for CustomRoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The permissions cannot be those of a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPermissions {
    /// There are too many.
    #[error("must be at most {MOST_PERMISSIONS}")]
    TooMany,
    /// One is malformed: its place, from 1.
    #[error(
        "must be `<family>:<action>` each, small letters, digits and `_` (the action may be `*`); number {0} is \
         not"
    )]
    Malformed(usize),
}

/// The permissions `names`, sorted, each once.
///
/// # Errors
/// If one is neither `<family>:<action>`, each a word of small letters, digits and underscores with a letter
/// first, nor `<family>:*`; or longer than 64 characters; or if there are more than 50.
pub fn permissions(mut names: Vec<String>) -> Result<Vec<String>, InvalidPermissions> {
    if let Some(place) = names.iter().position(|name| !is_permission(name)) {
        return Err(InvalidPermissions::Malformed(place + 1));
    }
    names.sort_unstable();
    names.dedup();
    if names.len() > MOST_PERMISSIONS { Err(InvalidPermissions::TooMany) } else { Ok(names) }
}

fn is_permission(name: &str) -> bool {
    let Some((family, action)) = name.split_once(':') else { return false };
    let is_one = is_word(family) && (action == "*" || is_word(action));
    // Not `*:*`: whoever may do everything would rank below administrators, who could take the account over.
    name.len() <= LONGEST_PERMISSION && is_one
}

/// Whether `text` is small letters, digits and underscores, a letter first.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_takes_the_name_of_a_built_in_one() {
        for name in ["admin", "normal", "superuser", "Admin", "a", "9lives", "a#b", ""] {
            assert_eq!(name.parse::<CustomRoleName>(), Err(UnknownRole), "{name}");
        }
    }

    #[test]
    fn permissions_are_sorted_and_each_stands_once() {
        let names = ["user:read", "projects:deploy_all", "user:*", "user:read"];
        let expected = ["projects:deploy_all", "user:*", "user:read"];
        assert_eq!(permissions(names.map(str::to_owned).into()).unwrap(), expected);
    }

    #[test]
    fn what_is_no_permission_is_told_by_its_place() {
        let long = format!("user:{}", "a".repeat(60));
        for name in [
            "",
            "user",
            ":",
            "user:",
            ":read",
            "user:read:all",
            "User:read",
            "user:Read",
            "*:*",
            "*:read",
            "user:r*",
            "user: read",
            "user:read\n",
            "1user:read",
            "us\u{435}r:read",
            "**:*",
            &long,
        ] {
            let names = vec!["user:read".to_owned(), name.to_owned()];
            assert_eq!(permissions(names), Err(InvalidPermissions::Malformed(2)), "{name}");
        }
    }

    #[test]
    fn a_role_has_fifty_permissions_at_most() {
        let names = |count: usize| (0..count).map(|n| format!("user:read{n}")).collect();
        assert_eq!(permissions(names(50)).map(|it| it.len()), Ok(50));
        assert_eq!(permissions(names(51)), Err(InvalidPermissions::TooMany));
    }
}
