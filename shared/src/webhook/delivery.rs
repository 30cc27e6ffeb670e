//! A delivery: one event on its way to one endpoint, and what its attempts led to.

use aws_lc_rs::digest;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::endpoint::Endpoint;
use super::payload::Payload;
use super::retry::Next;
use crate::clock::Timestamp;
use crate::event::{Event, EventType};
use crate::fault::Fault;
use crate::id::{DeliveryId, EventId, TenantId, WebhookId};
use crate::queue::Grouped;

/// How long a delivery can be looked at and repeated: long after its last attempt, which is three days late.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An event on its way to an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Which it is; the same in each attempt.
    pub id: DeliveryId,
    /// Where it goes.
    pub webhook: WebhookId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it tells.
    pub event: EventId,
    /// Of which type that is.
    pub event_type: EventType,
    /// What is sent: JSON, kept as text so that each attempt sends the same bytes.
    pub payload: String,
    /// What was tried, in order.
    pub attempts: Vec<Attempt>,
    /// How far it is.
    pub state: DeliveryState,
    /// Until when nobody but who claimed it attempts it, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_until: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the table may forget it, in seconds since the epoch.
    pub expires_at: i64,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum DeliveryState {
    /// It will be tried.
    Pending {
        /// Not before.
        next_attempt_at: Timestamp,
    },
    /// The endpoint took it.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// It is given up.
    Failed {
        /// When.
        at: Timestamp,
    },
}

/// An attempt to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What it led to.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What an attempt led to. What the endpoint said beyond its status is read by nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The endpoint answered with this status.
    Status(u16),
    /// It gave no answer.
    Error(Failure),
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The URL leads, or now leads, where webhooks may not go.
    #[error("its address is not on the public internet")]
    Forbidden,
    /// Its host name has no address.
    #[error("its host name has no address")]
    NotResolved,
    /// Nothing accepts connections there.
    #[error("it cannot be connected to")]
    NotConnected,
    /// The connection is not secure, or the certificate not valid for the host.
    #[error("no secure connection can be made")]
    Insecure,
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// What came back is no HTTP answer.
    #[error("it gave no HTTP answer")]
    NoAnswer,
}

/// What the queue holds of a delivery: enough to know whether it is due without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it goes.
    pub webhook: WebhookId,
    /// Which it is.
    pub delivery: DeliveryId,
    /// When it is to be tried.
    pub at: Timestamp,
}

/// Deliveries to one endpoint are a group: however many there are, those to others come in between.
impl Grouped for Due {
    fn group(&self) -> String {
        self.webhook.to_string()
    }
}

impl DeliveryId {
    /// The id of the delivery of `event` to `webhook`: always the same, so that an event which is brought twice
    /// is delivered once. It has the form of a UUID of version 8 (RFC 9562, 5.8).
    pub fn of(event: EventId, webhook: WebhookId) -> Self {
        let text = format!("usher delivery of {event} to {webhook}");
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_ref()[..16]);
        Self::from(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// Until when a delivery that was made or replayed at `now` is kept, in seconds since the epoch.
fn kept_until(now: Timestamp) -> i64 {
    (now + KEPT).as_second()
}

impl Delivery {
    /// The delivery of `event` to `endpoint`, to be tried at once.
    pub fn new(event: &Event, endpoint: &Endpoint, now: Timestamp) -> Result<Self, Fault> {
        Ok(Self {
            id: DeliveryId::of(event.id, endpoint.id),
            webhook: endpoint.id,
            tenant: endpoint.tenant.clone(),
            event: event.id,
            event_type: event.event_type,
            payload: Payload::of(event).text()?,
            attempts: Vec::new(),
            state: DeliveryState::Pending { next_attempt_at: now },
            claimed_until: None,
            created_at: now,
            expires_at: kept_until(now),
        })
    }

    /// What it is after `attempt`, which led to `next`.
    #[must_use]
    pub fn after(mut self, attempt: Attempt, next: Next) -> Self {
        self.attempts.push(attempt);
        self.state = match next {
            Next::Delivered => DeliveryState::Delivered { at: attempt.at },
            Next::Again(at) => DeliveryState::Pending { next_attempt_at: at },
            Next::GivenUp | Next::Gone => DeliveryState::Failed { at: attempt.at },
        };
        self
    }

    /// It is tried at `at` and not before: nobody tried it, and nothing counts.
    #[must_use]
    pub fn postponed(self, at: Timestamp) -> Self {
        Self { state: DeliveryState::Pending { next_attempt_at: at }, ..self }
    }

    /// It is not tried any more: at `now` its endpoint wants nothing.
    #[must_use]
    pub fn given_up(self, now: Timestamp) -> Self {
        Self { state: DeliveryState::Failed { at: now }, ..self }
    }

    /// It is tried once more, from `now` on. What was tried before counts: if it was given up, one more failure
    /// gives it up again. It is kept as long as a new one, so that its attempts are not forgotten before the last.
    #[must_use]
    pub fn replayed(self, now: Timestamp) -> Self {
        let state = DeliveryState::Pending { next_attempt_at: now };
        Self { state, expires_at: kept_until(now), ..self }
    }

    /// Whether somebody attempts it at `now`.
    pub fn is_attempted(&self, now: Timestamp) -> bool {
        self.claimed_until.is_some_and(|until| now.as_second() < until)
    }

    /// What the queue is told, while it is to be tried.
    pub fn due(&self) -> Option<Due> {
        let DeliveryState::Pending { next_attempt_at: at } = self.state else { return None };
        Some(Due { tenant: self.tenant.clone(), webhook: self.webhook, delivery: self.id, at })
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::tests::{endpoint, event};
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn attempt(outcome: Outcome) -> Attempt {
        Attempt { at: at(1), duration_ms: 12, outcome }
    }

    #[test]
    fn an_event_that_comes_twice_makes_the_same_delivery() {
        let (event, endpoint, other) = (event(EventType::UserLogin), endpoint(&["*"]), endpoint(&["*"]));
        let id = |endpoint| Delivery::new(&event, endpoint, at(0)).unwrap().id;
        assert_eq!(id(&endpoint), id(&endpoint));
        assert_ne!(id(&endpoint), id(&other));
        assert_eq!(id(&endpoint).uuid().get_version_num(), 8);
    }

    #[test]
    fn a_delivery_is_due_until_it_is_taken_or_given_up() {
        let delivery = Delivery::new(&event(EventType::UserLogin), &endpoint(&["*"]), at(0)).unwrap();
        assert_eq!(delivery.due().map(|due| due.at), Some(at(0)));
        let refused = delivery.clone().after(attempt(Outcome::Status(500)), Next::Again(at(6)));
        assert_eq!(refused.due().map(|due| due.at), Some(at(6)));
        for next in [Next::Delivered, Next::GivenUp, Next::Gone] {
            assert_eq!(delivery.clone().after(attempt(Outcome::Status(200)), next).due(), None);
        }
    }

    #[test]
    fn a_replayed_delivery_is_kept_as_long_as_a_new_one() {
        let (event, endpoint) = (event(EventType::UserLogin), endpoint(&["*"]));
        let made = |second| Delivery::new(&event, &endpoint, at(second)).unwrap();
        assert_eq!(made(0).replayed(at(86_400)).expires_at, made(86_400).expires_at);
    }

    #[test]
    fn the_table_keeps_a_delivery_as_it_is() {
        let delivery = Delivery::new(&event(EventType::UserLogin), &endpoint(&["*"]), at(0)).unwrap();
        let delivery = delivery
            .after(attempt(Outcome::Error(Failure::TimedOut)), Next::Again(at(6)))
            .after(attempt(Outcome::Status(204)), Next::Delivered);
        let item: std::collections::HashMap<String, serde_dynamo::AttributeValue> =
            serde_dynamo::to_item(&delivery).unwrap();
        let read: Delivery = serde_dynamo::from_item(item).unwrap();
        assert_eq!(read.attempts, delivery.attempts);
        assert_eq!(read.state, delivery.state);
    }
}
