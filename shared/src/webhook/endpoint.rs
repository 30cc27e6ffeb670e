//! An endpoint: a tenant's server that wants to be told of events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::health::Health;
use super::selector::Selector;
use super::signature::Secrets;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::{TenantId, UserId, WebhookId};

/// Where a tenant's events are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Which it is.
    pub id: WebhookId,
    /// Whose events it is told.
    pub tenant: TenantId,
    /// Where it is: a [`super::Target`] when it was written, to be read as one again before each attempt, for
    /// what may be reached can change.
    pub url: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Which events it wants.
    pub events: Vec<Selector>,
    /// Whether it is told any.
    pub state: EndpointState,
    /// What its messages are signed with.
    pub secrets: Secrets,
    /// How its server takes what it is told.
    #[serde(flatten)]
    pub health: Health,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When a person last changed it.
    pub updated_at: Timestamp,
    /// Raised by each change that a person made; what an `ETag` is made of.
    pub version: u64,
}

/// Whether an endpoint is told of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum EndpointState {
    /// It is.
    Enabled,
    /// An administrator wants it to be left alone.
    Paused,
    /// It cannot be told: an administrator is to look at it.
    Disabled {
        /// Why.
        reason: DisabledReason,
        /// Since when.
        at: Timestamp,
    },
}

/// Why the system disabled a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered 410: it wants no more.
    Gone,
    /// It took nothing for five days.
    Failing,
}

impl Endpoint {
    /// Whether it is to be told of `event`: never of one from before it was made, which may be brought again.
    pub fn wants(&self, event: &Event) -> bool {
        self.state == EndpointState::Enabled
            && self.tenant == event.tenant
            && self.created_at <= event.at
            && self.events.iter().any(|selector| selector.selects(event.event_type))
    }

    /// An administrator switches it on, whatever it was, or pauses it.
    #[must_use]
    pub fn switched(self, on: bool) -> Self {
        let state = if on { EndpointState::Enabled } else { EndpointState::Paused };
        Self { state, health: Health::default(), ..self }
    }

    /// An administrator has it told at `url`. What another server did says nothing of this one.
    #[must_use]
    pub fn moved(self, url: String) -> Self {
        if url == self.url { self } else { Self { url, health: Health::default(), ..self } }
    }

    /// The system switches it off at `at`.
    #[must_use]
    pub fn disabled(self, reason: DisabledReason, at: Timestamp) -> Self {
        Self { state: EndpointState::Disabled { reason, at }, ..self }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::event::{EventType, Origin};
    use crate::session::Device;
    use crate::webhook::Next;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    pub(in crate::webhook) fn event(event_type: EventType) -> Event {
        let device = Device { ip_address: "192.0.2.1".to_owned(), user_agent: "browser".to_owned() };
        Event::new(event_type, &Origin::new("request-1".to_owned(), device), at(0))
    }

    pub(in crate::webhook) fn endpoint(events: &[&str]) -> Endpoint {
        Endpoint {
            id: WebhookId::random(),
            tenant: TenantId::default_tenant(),
            url: "https://hooks.example.com/".to_owned(),
            description: String::new(),
            events: events.iter().map(|text| text.parse().unwrap()).collect(),
            state: EndpointState::Enabled,
            secrets: Secrets::new(serde_json::from_value("sealed".into()).unwrap()),
            health: Health::default(),
            created_by: UserId::random(),
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        }
    }

    #[test]
    fn an_endpoint_is_told_what_it_selects_of_its_tenant_while_it_is_enabled() {
        let endpoint = endpoint(&["security.*", "user.login"]);
        let login = event(EventType::UserLogin);
        assert!(endpoint.wants(&login) && endpoint.wants(&event(EventType::SecurityFailedLogin)));
        assert!(!endpoint.wants(&event(EventType::UserLogout)));
        let tenant = "other".to_owned().try_into().unwrap();
        assert!(!endpoint.wants(&Event { tenant, ..login.clone() }));
        assert!(!Endpoint { created_at: at(1), ..endpoint.clone() }.wants(&login), "it was made later");
        assert!(!endpoint.switched(false).wants(&login));
    }

    /// One whose server failed, was slow and asked for a rest.
    fn failing() -> Endpoint {
        let health = Health::default().waited_for(true).after(Next::Again(at(5)), at(0));
        Endpoint {
            health: health.asked_to_rest(Some(SignedDuration::from_mins(2)), at(0)),
            ..endpoint(&["*"])
        }
    }

    #[test]
    fn what_is_known_of_one_server_is_not_held_against_another() {
        let known = failing();
        assert_eq!(known.clone().moved(known.url.clone()).health, known.health);
        let moved = known.clone().moved("https://other.example.com/".to_owned());
        for unknown in [moved, known.clone().switched(true), known.switched(false)] {
            assert_eq!(unknown.health, Health::default());
        }
    }

    #[test]
    fn a_disabled_endpoint_starts_afresh_when_it_is_switched_on() {
        let disabled = failing().disabled(DisabledReason::Gone, at(1));
        assert_eq!(disabled.state, EndpointState::Disabled { reason: DisabledReason::Gone, at: at(1) });
        assert!(!disabled.wants(&event(EventType::UserLogin)));
        let enabled = disabled.switched(true);
        assert_eq!((enabled.state, enabled.health), (EndpointState::Enabled, Health::default()));
    }

    #[test]
    fn the_table_keeps_an_endpoint_as_it_is() {
        for endpoint in [endpoint(&["*", "user.*"]), failing().disabled(DisabledReason::Failing, at(2))] {
            let item: std::collections::HashMap<String, serde_dynamo::AttributeValue> =
                serde_dynamo::to_item(&endpoint).unwrap();
            let read: Endpoint = serde_dynamo::from_item(item).unwrap();
            assert_eq!(format!("{read:?}"), format!("{endpoint:?}"));
        }
    }
}
