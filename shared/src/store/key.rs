//! The keys of the table. They are made here and nowhere else.
//!
//! A variable part is always the last of its key, or an identifier that cannot hold a `#`, so no value can
//! reach into another's key.

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::chain::ChainId;
use crate::clock::Timestamp;
use crate::email::Email;
use crate::event::EventType;
use crate::id::{BulkId, DeliveryId, EventId, SessionId, TenantId, UserId, WebhookId};
use crate::name::Username;
use crate::role::{CustomRoleName, Role};
use crate::user::Status;

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
        Self::new(belongings(id), "USER")
    }

    /// A user's session.
    pub fn session(user: UserId, session: SessionId) -> Self {
        Self::new(belongings(user), format!("SESSION#{}", session.uuid()))
    }

    /// What an address must show to sign in. Holding this item is what makes an address taken.
    pub fn credential(email: &Email) -> Self {
        Self::new(format!("CRED#{}", email.as_str()), "CRED")
    }

    /// The account that has a user name. Holding this item is what makes the name taken.
    pub fn username(name: &Username) -> Self {
        Self::new(format!("NAME#{}", name.as_str()), "NAME")
    }

    /// A role that a tenant's administrators made.
    pub fn role(tenant: &TenantId, name: &CustomRoleName) -> Self {
        Self::new(roles_of(tenant), format!("{ROLES}{name}"))
    }

    /// How many roles a tenant's administrators made.
    pub fn role_count(tenant: &TenantId) -> Self {
        Self::new(roles_of(tenant), "ROLES")
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
        Self::audit_at(tenant, &by_time(at, id))
    }

    /// The audit record at a place in time, as [`by_time`] makes it.
    pub(crate) fn audit_at(tenant: &TenantId, place: &str) -> Self {
        // A time begins with its day.
        Self::new(audit_of(tenant, place.get(..10).unwrap_or_default()), place)
    }

    /// How far a chain of a tenant's audit records goes.
    pub fn audit_head(tenant: &TenantId, chain: ChainId) -> Self {
        Self::new(audit_heads_of(tenant), chain.to_string())
    }

    /// A checkpoint of a tenant's audit trail.
    pub fn checkpoint(tenant: &TenantId, at: Timestamp, number: u64) -> Self {
        Self::new(checkpoints_of(tenant), format!("{}#{number}", sortable(at)))
    }

    /// How far a tenant's checkpoints go.
    pub fn checkpoint_head(tenant: &TenantId) -> Self {
        // It sorts behind all checkpoints.
        Self::new(checkpoints_of(tenant), "HEAD")
    }

    /// How often a user was refused in the hour of `at`.
    pub fn denials(user: UserId, at: Timestamp) -> Self {
        Self::new(format!("RATE#DENIED#{}", user.uuid()), &sortable(at)[..13])
    }

    /// The receipt of an erasure.
    pub fn erased(user: UserId) -> Self {
        Self::new(format!("ERASED#{}", user.uuid()), "ERASED")
    }

    /// A bulk operation. Its errors sort just before it, its batches before those: what tells of it is read
    /// without what is still to be done.
    pub fn bulk_operation(id: BulkId) -> Self {
        Self::new(bulk_partition(id), "OPERATION")
    }

    /// Rows of a bulk operation that are still to be worked off.
    pub fn bulk_batch(id: BulkId, number: u32) -> Self {
        Self::new(bulk_partition(id), format!("BATCH#{number:06}"))
    }

    /// What failed of a batch that was worked off.
    pub fn bulk_errors(id: BulkId, number: u32) -> Self {
        Self::new(bulk_partition(id), format!("{BULK_ERRORS}{number:06}"))
    }

    /// A tenant's webhook endpoint.
    pub fn endpoint(tenant: &TenantId, id: WebhookId) -> Self {
        Self::new(endpoints_of(tenant), format!("{ENDPOINTS}{}", id.uuid()))
    }

    /// How many webhook endpoints a tenant has.
    pub fn endpoint_count(tenant: &TenantId) -> Self {
        Self::new(endpoints_of(tenant), "ENDPOINTS")
    }

    /// A delivery to a webhook endpoint.
    pub fn delivery(webhook: WebhookId, id: DeliveryId) -> Self {
        Self::new(deliveries_to(webhook), id.uuid().to_string())
    }

    /// A tenant's counters of accounts.
    pub fn user_counters(tenant: &TenantId) -> Self {
        Self::new(format!("COUNT#{}", tenant.as_str()), "USERS")
    }

    /// As what an account is counted in them.
    pub fn counted(tenant: &TenantId, user: UserId) -> Self {
        Self::new(counted_of(tenant), user.uuid().to_string())
    }

    /// A tenant's counters of all that ever happened.
    pub fn event_counters(tenant: &TenantId) -> Self {
        Self::new(format!("COUNT#{}", tenant.as_str()), "EVENTS")
    }

    /// A tenant's counters of what happened on the day of `at`.
    pub fn day_counters(tenant: &TenantId, at: Timestamp) -> Self {
        Self::new(format!("COUNT#{}", tenant.as_str()), format!("DAY#{}", &sortable(at)[..10]))
    }

    /// Where a step of the clean-up goes on.
    pub fn clean_up(step: &'static str) -> Self {
        Self::new(format!("CLEANUP#{step}"), "PLACE")
    }

    /// How far a replay of dead letters is.
    pub fn replay() -> Self {
        Self::new("REPLAY".to_owned(), "WALK")
    }

    /// The root key, wrapped by KMS, and beside it the signing keys, sealed by the root key.
    pub fn root_key() -> Self {
        Self::new(KEY_RING.to_owned(), "ROOT")
    }

    /// A signing key.
    pub fn signing_key(id: &str) -> Self {
        Self::new(KEY_RING.to_owned(), format!("SIGNING#{id}"))
    }

    /// A request with an idempotency key, in its sender's partition: `key` is a fingerprint.
    pub fn keyed_request(scope: &str, key: &str) -> Self {
        Self::new(format!("IDEM#{scope}"), key)
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

/// The partition of a user, their sessions and whatever else is theirs.
pub(crate) fn belongings(user: UserId) -> String {
    format!("USER#{}", user.uuid())
}

/// The partition of the audit records that have to do with a user, in [`DONE_TO`] and in [`DONE_BY`].
pub(crate) fn history_of(user: UserId) -> String {
    format!("USER#{}#AUDIT", user.uuid())
}

/// An audit record's place in [`history_of`] a user.
pub(crate) fn by_time(at: Timestamp, id: EventId) -> String {
    format!("{}#{}", sortable(at), id.uuid())
}

/// The partition of a tenant's audit records of a day.
pub(crate) fn audit_of(tenant: &TenantId, day: impl Display) -> String {
    format!("AUDIT#{}#{day}", tenant.as_str())
}

/// The partition of the heads of a tenant's chains of audit records.
pub(crate) fn audit_heads_of(tenant: &TenantId) -> String {
    format!("AUDIT#{}#HEADS", tenant.as_str())
}

/// The partition of a tenant's checkpoints.
pub(crate) fn checkpoints_of(tenant: &TenantId) -> String {
    format!("AUDIT#{}#CHECKPOINTS", tenant.as_str())
}

/// The partition that holds a user's sessions, and what their sort keys begin with.
pub(crate) fn sessions_of(user: UserId) -> (String, &'static str) {
    (format!("USER#{}", user.uuid()), "SESSION#")
}

/// The partition of the roles that a tenant's administrators made.
pub(crate) fn roles_of(tenant: &TenantId) -> String {
    format!("TENANT#{}", tenant.as_str())
}

/// What the sort keys of roles begin with.
pub(crate) const ROLES: &str = "ROLE#";

/// The partition of a bulk operation.
pub(crate) fn bulk_partition(id: BulkId) -> String {
    format!("BULK#{}", id.uuid())
}

/// What the sort keys of a bulk operation's errors begin with.
pub(crate) const BULK_ERRORS: &str = "ERRORS#";

/// The partition of what says as what a tenant's accounts are counted.
pub(crate) fn counted_of(tenant: &TenantId) -> String {
    format!("COUNTED#{}", tenant.as_str())
}

/// The partition of a tenant's webhook endpoints.
pub(crate) fn endpoints_of(tenant: &TenantId) -> String {
    format!("HOOKS#{}", tenant.as_str())
}

/// The webhook endpoint that a partition of [`deliveries_to`] is named for.
pub(crate) fn webhook_of(partition: &str) -> Option<WebhookId> {
    partition.strip_prefix("HOOK#")?.parse().ok()
}

/// What the sort keys of webhook endpoints begin with.
pub(crate) const ENDPOINTS: &str = "ENDPOINT#";

/// The partition of the deliveries to a webhook endpoint; the same in [`DELIVERIES`].
pub(crate) fn deliveries_to(webhook: WebhookId) -> String {
    format!("HOOK#{}", webhook.uuid())
}

/// A delivery's place in [`DELIVERIES`].
pub(crate) fn by_making(at: Timestamp, id: DeliveryId) -> String {
    format!("{}#{}", sortable(at), id.uuid())
}

/// Over how many partitions the deliveries that a tenant's endpoints wait for are spread: one takes a thousand writes a
/// second.
pub(crate) const PENDING_SHARDS: u8 = 16;

/// The partition of a delivery that a tenant's endpoint still waits for, in [`PENDING`].
pub(crate) fn pending_of(tenant: &TenantId, id: DeliveryId) -> String {
    let [.., last] = id.uuid().into_bytes();
    pending_shard(tenant, last % PENDING_SHARDS)
}

/// One of these partitions.
pub(crate) fn pending_shard(tenant: &TenantId, shard: u8) -> String {
    format!("{}#PENDING#{shard}", endpoints_of(tenant))
}

/// The partition that holds all keys.
pub(crate) const KEY_RING: &str = "KEY#RING";

/// Lists a tenant's users by their creation.
pub(crate) const BY_CREATION: Index = Index { name: "GSI1", pk: "GSI1PK", sk: CREATED };
/// Lists a tenant's users of a role by their creation.
pub(crate) const BY_ROLE: Index = Index { name: "GSI2", pk: "GSI2PK", sk: CREATED };
/// Lists a tenant's users in a state by their creation.
pub(crate) const BY_STATUS: Index = Index { name: "GSI3", pk: "GSI3PK", sk: CREATED };
/// Lists a tenant's users of a role and in a state by their creation.
pub(crate) const BY_ROLE_AND_STATUS: Index = Index { name: "GSI4", pk: "GSI4PK", sk: CREATED };
/// Lists what was done to a user, and what they did to nobody else, by time.
pub(crate) const DONE_TO: Index = BY_CREATION;
/// Lists what a user did to others, by time.
pub(crate) const DONE_BY: Index = BY_ROLE;
/// Lists a tenant's audit records by time.
pub(crate) const RECORDS: Index = BY_STATUS;
/// Lists a tenant's audit records of a type by time.
pub(crate) const RECORDS_OF_TYPE: Index = BY_ROLE_AND_STATUS;
/// Lists the deliveries to a webhook endpoint by the time they were made.
pub(crate) const DELIVERIES: Index = BY_CREATION;
/// Lists the deliveries that a tenant's endpoints still wait for, by the time of their next attempt.
pub(crate) const PENDING: Index = Index { name: "GSI9", pk: "GSI9PK", sk: "GSI9SK" };
/// Finds a tenant's users by what their address begins with.
pub(crate) const BY_EMAIL: Index = Index { name: "GSI5", pk: BY_CREATION.pk, sk: "email" };
/// Finds a tenant's users by what their user name begins with.
pub(crate) const BY_USERNAME: Index = Index { name: "GSI6", pk: BY_CREATION.pk, sk: "username" };
/// Finds a tenant's users by what their first name begins with, any case.
pub(crate) const BY_FIRST_NAME: Index = Index { name: "GSI7", pk: BY_CREATION.pk, sk: "folded_first_name" };
/// Finds a tenant's users by what their last name begins with, any case.
pub(crate) const BY_LAST_NAME: Index = Index { name: "GSI8", pk: BY_CREATION.pk, sk: "folded_last_name" };

/// The attribute that orders the lists of users.
const CREATED: &str = "GSI1SK";

/// The partition of a tenant's audit records, in [`RECORDS`].
pub(crate) fn records_of(tenant: &TenantId) -> String {
    format!("TENANT#{}#AUDIT", tenant.as_str())
}

/// The partition of a tenant's audit records of a type, in [`RECORDS_OF_TYPE`].
pub(crate) fn records_of_type(tenant: &TenantId, event_type: EventType) -> String {
    format!("TENANT#{}#AUDIT#{}", tenant.as_str(), event_type.name())
}

/// What sorts behind everything that [`by_time`] makes of `at`, and before all that is later.
pub(crate) fn behind(at: Timestamp) -> String {
    // A tilde is above all that an identifier has in it.
    format!("{}#~", sortable(at))
}

/// A secondary index and the attributes that are its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index {
    pub(crate) name: &'static str,
    pub(crate) pk: &'static str,
    pub(crate) sk: &'static str,
}

/// The index partition of a tenant's users, those of a role, in a state, or both; and the index that has it.
pub(crate) fn users_of(tenant: &TenantId, role: Option<&Role>, status: Option<Status>) -> (Index, String) {
    let tenant = tenant.as_str();
    match (role.map(Role::name), status.map(Status::name)) {
        (None, None) => (BY_CREATION, format!("TENANT#{tenant}#USER")),
        (Some(role), None) => (BY_ROLE, format!("TENANT#{tenant}#ROLE#{role}")),
        (None, Some(status)) => (BY_STATUS, format!("TENANT#{tenant}#STATUS#{status}")),
        (Some(role), Some(status)) => {
            (BY_ROLE_AND_STATUS, format!("TENANT#{tenant}#ROLE#{role}#STATUS#{status}"))
        }
    }
}

/// The partition of [`BY_CREATION`] that has a tenant's deleted users, by the time of their deletion.
pub(crate) fn deleted_of(tenant: &TenantId) -> String {
    format!("TENANT#{}#DELETED", tenant.as_str())
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
