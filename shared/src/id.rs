//! Identifiers: random, never guessable, never ordered; each type knows how it is written.
//!
//! A user's id has two spellings, `usr_` with 32 hexadecimal digits and a hyphenated UUID: both are read
//! everywhere, and each route writes the one its clients know.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::random;

/// The text is not an identifier of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a valid identifier")]
pub struct InvalidId;

/// A random (version 4) UUID.
fn random_uuid() -> Uuid {
    uuid::Builder::from_random_bytes(random::bytes()).into_uuid()
}

/// An identifier type: a UUID written with a prefix, read with or without it.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(into = "String", try_from = "String")]
        #[schema(value_type = String, example = json!(concat!($prefix, "550e8400e29b41d4a716446655440000")))]
        pub struct $name(Uuid);

        impl $name {
            /// A new one that nobody can guess.
            pub fn random() -> Self {
                Self(random_uuid())
            }

            /// The identifier as a UUID, hyphenated when printed.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let digits = text.strip_prefix($prefix).unwrap_or(text);
                if !matches!(digits.len(), 32 | 36) {
                    return Err(InvalidId);
                }
                Uuid::try_parse(digits).map(Self).map_err(|_| InvalidId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(
    /// A user's identifier.
    UserId,
    "usr_"
);
id!(
    /// A session's identifier, the `sid` of its tokens.
    SessionId,
    "ses_"
);
id!(
    /// An event's identifier, the same in the outbox, the audit trail and deliveries.
    EventId,
    "evt_"
);
id!(
    /// An event's identifier as its audit record shows it.
    AuditId,
    "audit_"
);
id!(
    /// The identifier of a file with a person's data.
    ExportId,
    "exp_"
);
id!(
    /// The identifier of an erasure.
    DeletionId,
    "del_"
);
id!(
    /// The identifier of a claim: of several that want the same, one has it.
    ClaimId,
    "clm_"
);
id!(
    /// A bulk operation's identifier.
    BulkId,
    "bulk_"
);
id!(
    /// A webhook endpoint's identifier.
    WebhookId,
    "hook_"
);
id!(
    /// A delivery's identifier, the `webhook-id` of each of its attempts.
    DeliveryId,
    "msg_"
);

/// The tenant that a user belongs to: 1 to 64 of `a` to `z`, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, example = "default")]
pub struct TenantId(String);

impl TenantId {
    /// The tenant of everybody: there is no other.
    pub fn default_tenant() -> Self {
        Self("default".to_owned())
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        if valid { Ok(Self(text)) } else { Err(InvalidId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_is_read_in_both_spellings() {
        let id = UserId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.uuid().hyphenated().to_string().parse(), Ok(id));
    }

    #[test]
    fn what_could_mean_another_key_is_no_id() {
        for text in [
            "",
            "usr_",
            "usr_#",
            "USER#1",
            "usr_550e8400e29b41d4a71644665544000",
            "{550e8400-e29b-41d4-a716-446655440000}",
        ] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidId), "{text}");
        }
    }
}
