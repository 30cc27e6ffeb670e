//! What an event means to an auditor, and the audit trail as auditors read it.
//!
//! How severe an event is, how it went and what it was done to follow from its type alone: the table in
//! [`crate::event`] says it for each. So a question for any of them is a question for types.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::chain::Kept;
use crate::clock::Timestamp;
use crate::event::EventType;
use crate::fault::Fault;
use crate::id::UserId;
use crate::privacy::{KeptDevice, PrivacyKey};
use crate::session::Device;
use crate::store::{AuditFilter, AuditRecord};

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody has to look at it now.
    Critical,
    /// Rights or accounts changed for good, or somebody tried what they may not.
    High,
    /// Worth a look where something looks wrong.
    Medium,
    /// Unusual, and harmless.
    Low,
    /// What happens all day. Where four severities are counted, it counts as low.
    Info,
}

/// How something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused.
    Failure,
}

/// What kind of thing something was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// How somebody proves who they are.
    Authentication,
    /// One sign-in.
    Session,
    /// An account.
    User,
    /// A role.
    Role,
    /// The right to do something.
    Permission,
    /// A webhook.
    Webhook,
    /// The audit trail.
    AuditTrail,
    /// How many accounts there are.
    Counters,
}

/// Other names of event types, which some clients know beside `<family>_<what happened>`.
const OTHER_NAMES: [(&str, EventType); 2] =
    [("profile_update", EventType::UserProfileUpdated), ("password_change", EventType::UserPasswordChanged)];

fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(name)).ok()
}

/// The event type of this name, also with `_` in place of its point.
pub fn parse_action(name: &str) -> Result<EventType, &'static str> {
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, event_type)| *event_type);
    let spelled = || EventType::ALL.iter().copied().find(|it| it.name().replacen('.', "_", 1) == name);
    named(name).or(other).or_else(spelled).ok_or("must be the name of an event, such as user.login")
}

/// The kind of thing of this name.
pub fn parse_resource(name: &str) -> Result<Resource, &'static str> {
    named(name)
        .ok_or("must be authentication, session, user, role, permission, webhook, audit_trail or counters")
}

/// The severity of this name.
pub fn parse_severity(name: &str) -> Result<Severity, &'static str> {
    named(name).ok_or("must be critical, high, medium, low or info")
}

/// The first instant of a span that `text` begins: an instant, or a day in UTC.
pub fn parse_start(text: &str) -> Result<Timestamp, &'static str> {
    instant(text).or_else(|| day(text)).ok_or(NO_DATE)
}

/// The last instant of a span that `text` ends: an instant, or a day in UTC, which is in it as a whole.
pub fn parse_end(text: &str) -> Result<Timestamp, &'static str> {
    let last_of_day = || {
        let next = Date::strptime("%Y-%m-%d", text).ok()?.tomorrow().ok()?;
        Timestamp::from_millisecond(midnight(next)?.as_millisecond() - 1).ok()
    };
    instant(text).or_else(last_of_day).ok_or(NO_DATE)
}

const NO_DATE: &str = "must be a date (2024-01-15) or an instant (2024-01-15T11:30:00Z)";

fn instant(text: &str) -> Option<Timestamp> {
    let instant: Timestamp = text.parse().ok()?;
    // Years outside of these do not sort as text.
    (0..=253_402_300_799).contains(&instant.as_second()).then_some(instant)
}

fn day(text: &str) -> Option<Timestamp> {
    midnight(Date::strptime("%Y-%m-%d", text).ok()?).filter(|it| it.as_second() >= 0)
}

fn midnight(date: Date) -> Option<Timestamp> {
    date.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
}

impl Severity {
    /// Whether an event of this severity is meant where `asked` is asked for: what is `info` is also `low`.
    fn is_meant_by(self, asked: Self) -> bool {
        self == asked || (self, asked) == (Self::Info, Self::Low)
    }
}

/// The event types that are meant, if not all are: there may be none, where two conditions exclude each other.
pub fn types(
    action: Option<EventType>,
    resource: Option<Resource>,
    severity: Option<Severity>,
) -> Option<Vec<EventType>> {
    if action.is_none() && resource.is_none() && severity.is_none() {
        return None;
    }
    let is_meant = |it: &EventType| {
        action.is_none_or(|action| action == *it)
            && resource.is_none_or(|resource| resource == it.resource())
            && severity.is_none_or(|severity| it.severity().is_meant_by(severity))
    };
    Some(EventType::ALL.iter().copied().filter(is_meant).collect())
}

/// A record as auditors see it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The record.
    pub record: AuditRecord,
    /// From where it was done; nothing, where the person was erased.
    pub device: Option<Device>,
}

impl Entry {
    /// Who did it; where nobody knows, to whom it was done.
    pub fn user_id(&self) -> Option<UserId> {
        self.record.user_id()
    }

    /// What it was done to: the session, role, permission or webhook that the event names, or else an account, or a bulk
    /// operation.
    pub fn resource_id(&self) -> Option<String> {
        let named = |detail: &str| self.record.data.get(detail).and_then(Value::as_str).map(str::to_owned);
        let resource = match self.record.event_type.resource() {
            Resource::Session => named("session_id"),
            Resource::Role => named("role"),
            Resource::Permission => named("permission"),
            Resource::Webhook => named("webhook"),
            _ => None,
        };
        let subject = || self.record.subject.map(|user| user.to_string());
        resource.or_else(subject).or_else(|| named("operation_id"))
    }

    /// Whether it was done; from where, if anybody can tell; and what the event says besides.
    pub fn details(&self) -> Map<String, Value> {
        let mut details = self.record.data.clone();
        let success = self.record.event_type.outcome() == Outcome::Success;
        details.insert("success".to_owned(), success.into());
        details.insert("request_id".to_owned(), self.record.request_id.clone().into());
        let device = self.device.as_ref();
        details.insert("ip_address".to_owned(), device.map(|it| it.ip_address.clone()).into());
        details.insert("user_agent".to_owned(), device.map(|it| it.user_agent.clone()).into());
        details
    }
}

/// What has to do with a person, newest first.
#[derive(Debug)]
pub struct History {
    /// The records.
    pub records: Vec<AuditRecord>,
    /// Whether these are all there are.
    pub complete: bool,
}

/// A page of the audit trail, newest first.
#[derive(Clone, Debug)]
pub struct Entries {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// How many there are. Where a user or a time was asked for, no more than 1,000 are counted, and of a user and types no
    /// more than are among the newest 5,000 index entries of each side.
    pub total: u64,
}

impl App {
    /// The records of `kept` that this system wrote, where they stand, and whose time is not over. Whatever else somebody put
    /// there is shown to nobody and hides no other; a verification names it.
    ///
    /// # Errors
    /// When the keys fail.
    pub async fn proven(&self, kept: Vec<Kept>) -> Result<Vec<AuditRecord>, Fault> {
        let key = self.keys.audit_key().await?;
        let proven = |kept: Kept| {
            let id = kept.id;
            let record = kept.proven(key);
            if record.is_none() {
                tracing::error!(?id, "a record of the audit trail is not as it was written");
            }
            record
        };
        Ok(kept.into_iter().filter_map(proven).filter(|record| !self.is_past_audit(record.at)).collect())
    }

    /// The newest `most` records that have to do with `user`.
    ///
    /// # Errors
    /// When the table or the keys fail.
    pub async fn history(&self, user: UserId, most: usize) -> Result<History, Fault> {
        let (kept, complete) = self.store.history(user, most).await?;
        Ok(History { records: self.proven(kept).await?, complete })
    }

    /// A page of the audit trail behind the place `after`, `skip` entries passed over.
    pub async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: Option<&str>,
        (skip, limit): (usize, usize),
    ) -> Result<Entries, Fault> {
        let (page, total) = tokio::try_join!(
            self.store.audit_records(filter, after, (skip, limit)),
            self.store.count_audit_records(filter),
        )?;
        let records = self.proven(page.records).await?;
        let owners = records.iter().filter_map(|record| record.device.owner()).collect();
        let keys = self.store.privacy_keys(owners).await?;
        let entry = |record: AuditRecord| {
            let device = opened(&record.device, &keys);
            Entry { record, device }
        };
        Ok(Entries { entries: records.into_iter().map(entry).collect(), next: page.next, total })
    }
}

fn opened(kept: &KeptDevice, keys: &BTreeMap<UserId, PrivacyKey>) -> Option<Device> {
    match kept {
        KeptDevice::Clear(device) => Some(device.clone()),
        KeptDevice::Sealed { device_of, .. } => kept.open(*device_of, keys.get(device_of)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_the_spellings_that_clients_know() {
        for (name, action) in [
            ("user.login", EventType::UserLogin),
            ("user_login", EventType::UserLogin),
            ("admin_user_created", EventType::AdminUserCreated),
            ("profile_update", EventType::UserProfileUpdated),
            ("password_change", EventType::UserPasswordChanged),
        ] {
            assert_eq!(parse_action(name), Ok(action), "{name}");
        }
        assert!(parse_action("user-login").is_err() && parse_action("").is_err());
    }

    #[test]
    fn conditions_that_exclude_each_other_mean_no_type() {
        assert_eq!(types(None, None, None), None);
        let login = Some(EventType::UserLogin);
        assert_eq!(
            types(login, Some(Resource::Authentication), Some(Severity::Low)),
            Some(vec![EventType::UserLogin])
        );
        assert_eq!(types(login, Some(Resource::Role), None), Some(vec![]));
    }

    #[test]
    fn a_day_ends_with_its_last_millisecond() {
        assert_eq!(parse_start("2024-02-29").unwrap().to_string(), "2024-02-29T00:00:00Z");
        assert_eq!(parse_end("2024-02-29").unwrap().to_string(), "2024-02-29T23:59:59.999Z");
        assert_eq!(parse_end("2024-02-29T01:00:00+01:00").unwrap().to_string(), "2024-02-29T00:00:00Z");
        for text in ["2023-02-29", "2024-2-30", "yesterday", "", "-000001-01-01T00:00:00Z", "1969-12-31"] {
            assert!(parse_start(text).is_err(), "{text}");
        }
    }
}
