//! What receivers are told of an event: `{"type", "timestamp", "data"}` (Standard Webhooks, "Payload structure").
//!
//! `data` names the event and, where known, who did it, to whom, and the request. It holds identifiers, never personal
//! data: a receiver that may see more can read it through the API.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::event::{Event, EventType};
use crate::fault::Fault;
use crate::id::{EventId, TenantId, UserId};

/// The body of each attempt.
#[derive(Serialize, ToSchema)]
pub struct Payload<'a> {
    /// What happened.
    #[serde(rename = "type")]
    event_type: EventType,
    /// When it happened; `webhook-timestamp` says when it was sent.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T10:06:07Z")]
    timestamp: Timestamp,
    #[schema(inline)]
    data: Data<'a>,
}

/// The event, who is involved, and its details.
#[derive(Serialize, ToSchema)]
pub struct Data<'a> {
    /// The event's id, the same in the audit trail and in deliveries to other webhooks.
    id: EventId,
    /// The version of the payload. It is raised when a member is added, and only then.
    #[schema(minimum = 1, example = 1)]
    version: u32,
    /// The tenant in which it happened.
    #[schema(value_type = String, example = "default")]
    tenant: &'a TenantId,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UserId, required = false)]
    actor: Option<UserId>,
    /// The account that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UserId, required = false)]
    subject: Option<UserId>,
    /// The id of the request that caused it: its `X-Request-ID`.
    #[schema(example = "8a4f1f4e-6b0c-4d7e-9f0a-1b2c3d4e5f60")]
    request_id: &'a str,
    /// Further details, which depend on the type of the event.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object, required = false)]
    details: &'a Map<String, Value>,
}

impl<'a> Payload<'a> {
    /// What is told of `event`.
    pub fn of(event: &'a Event) -> Self {
        let Event { id, version, tenant, actor, subject, request_id, data: details, .. } = event;
        let data = Data {
            id: *id,
            version: *version,
            tenant,
            actor: *actor,
            subject: *subject,
            request_id,
            details,
        };
        Self { event_type: event.event_type, timestamp: event.at, data }
    }

    /// Its JSON. The text is kept, so that each attempt sends the same bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn text(&self) -> Result<String, Fault> {
        serde_json::to_string(self).map_err(|error| Fault::broken("writing a webhook's payload", error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::endpoint::tests::event;
    use super::*;
    use crate::event::Notice;
    use crate::event::details::FieldsChanged;

    #[test]
    fn a_receiver_is_told_identifiers_and_nothing_of_the_person() {
        let (actor, subject) = (UserId::random(), UserId::random());
        let event = Event { subject: Some(subject), ..event(EventType::UserProfileUpdated) };
        let event =
            event.by(actor).telling(FieldsChanged { fields: vec!["last_name"] }).mail(Notice::Approved);
        let expected = json!({
            "type": "user.profile_updated",
            "timestamp": "1970-01-01T00:00:00Z",
            "data": {
                "id": event.id, "version": 1, "tenant": "default", "actor": actor, "subject": subject,
                "request_id": "request-1", "details": { "fields": ["last_name"] },
            },
        });
        assert_eq!(json!(Payload::of(&event)), expected);
    }

    #[test]
    fn an_event_that_tells_nothing_has_no_details() {
        assert!(json!(Payload::of(&event(EventType::UserRegistered)))["data"].get("details").is_none());
    }
}
