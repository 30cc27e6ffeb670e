//! The keys of the table. They are made here and nowhere else.
//!
//! A variable part is always the last of its key, or an identifier that cannot hold a `#`, so no value can
//! reach into another's key.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::clock::Timestamp;
use crate::email::Email;
use crate::id::{EventId, SessionId, TenantId, UserId};
use crate::role::Role;

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pk: String,
    sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// A user.
    pub fn user(id: UserId) -> Self {
        Self::new(format!("USER#{}", id.uuid()), "USER")
    }

    /// A user's session.
    pub fn session(user: UserId, session: SessionId) -> Self {
        Self::new(format!("USER#{}", user.uuid()), format!("SESSION#{}", session.uuid()))
    }

    /// What an address must show to sign in. Holding this item is what makes an address taken.
    pub fn credential(email: &Email) -> Self {
        Self::new(format!("CRED#{}", email.as_str()), "CRED")
    }

    /// An event in the outbox.
    pub fn event(id: EventId) -> Self {
        Self::new(format!("EVENT#{}", id.uuid()), "EVENT")
    }

    /// The mark that an event's mail is being sent, or was.
    pub fn mail(id: EventId) -> Self {
        Self::new(format!("EVENT#{}", id.uuid()), "MAIL")
    }

    /// An event's audit record: a partition a day and tenant, in order of time.
    pub fn audit(tenant: &TenantId, at: Timestamp, id: EventId) -> Self {
        let (partition, time) = audit_since(tenant, at);
        Self::new(partition, format!("{time}#{}", id.uuid()))
    }

    /// A tenant's counters of accounts.
    pub fn user_counters(tenant: &TenantId) -> Self {
        Self::new(format!("COUNT#{}", tenant.as_str()), "USERS")
    }

    /// A tenant's counters of what happened on the day of `at`.
    pub fn day_counters(tenant: &TenantId, at: Timestamp) -> Self {
        Self::new(format!("COUNT#{}", tenant.as_str()), format!("DAY#{}", &sortable(at)[..10]))
    }

    /// The root key, wrapped by KMS, and beside it the signing keys, sealed by the root key.
    pub fn root_key() -> Self {
        Self::new(KEY_RING.to_owned(), "ROOT")
    }

    /// A signing key.
    pub fn signing_key(id: &str) -> Self {
        Self::new(KEY_RING.to_owned(), format!("SIGNING#{id}"))
    }

    /// The item that exists once the system has its first administrator.
    pub fn first_administrator() -> Self {
        Self::new("SYSTEM".to_owned(), "FIRST_ADMINISTRATOR")
    }

    /// The key as the table's attributes.
    pub(crate) fn attributes(&self) -> HashMap<String, AttributeValue> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        HashMap::from([("PK".to_owned(), text(&self.pk)), ("SK".to_owned(), text(&self.sk))])
    }

    /// The key of an item that was read.
    pub(crate) fn of(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        Some(Self::new(item.get("PK")?.as_s().ok()?.clone(), item.get("SK")?.as_s().ok()?.as_str()))
    }
}

/// The partition of a tenant's audit records of a day, and where in it those of `at` begin.
pub(crate) fn audit_since(tenant: &TenantId, at: Timestamp) -> (String, String) {
    let time = sortable(at);
    (format!("AUDIT#{}#{}#0", tenant.as_str(), &time[..10]), time)
}

/// The partition that holds all keys.
pub(crate) const KEY_RING: &str = "KEY#RING";

/// The secondary index that lists a tenant's users by their creation.
pub(crate) const BY_CREATION: Index = Index { name: "GSI1", pk: "GSI1PK", sk: "GSI1SK" };
/// The secondary index that lists a tenant's users of a role by their creation.
pub(crate) const BY_ROLE: Index = Index { name: "GSI2", pk: "GSI2PK", sk: "GSI2SK" };

/// A secondary index and the attributes that are its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index {
    pub(crate) name: &'static str,
    pub(crate) pk: &'static str,
    pub(crate) sk: &'static str,
}

/// The index partition of a tenant's users.
pub(crate) fn users_of(tenant: &TenantId) -> String {
    format!("TENANT#{}#USER", tenant.as_str())
}

/// The index partition of a tenant's users of a role.
pub(crate) fn users_of_role(tenant: &TenantId, role: Role) -> String {
    format!("TENANT#{}#ROLE#{}", tenant.as_str(), role.name())
}

/// A user's place in an index partition.
pub(crate) fn by_creation(at: Timestamp, id: UserId) -> String {
    format!("{}#{}", sortable(at), id.uuid())
}

/// A time as text that sorts as times do: RFC 3339 in UTC with exactly three digits of fraction.
pub(crate) fn sortable(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_text() {
        let at = |millisecond| sortable(Timestamp::from_millisecond(millisecond).unwrap());
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert!(at(999) < at(1_000) && at(1_000) < at(1_001));
    }

    #[test]
    fn an_address_stays_within_its_key() {
        let email = Email::parse("a#cred@example.com").unwrap();
        assert_eq!(Key::credential(&email), Key::new("CRED#a#cred@example.com".into(), "CRED"));
    }
}
