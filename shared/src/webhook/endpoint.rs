//! An endpoint: a tenant's server that wants to be told of events.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lane::Lane;
use super::retry::Next;
use super::selector::Selector;
use super::signature::Secrets;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::{TenantId, UserId, WebhookId};

/// How long an endpoint may take nothing before it is disabled.
const PATIENCE: SignedDuration = SignedDuration::from_hours(5 * 24);

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
    /// Since when it has taken nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Whether it last took long to answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub slow: bool,
    /// Until when it wants to be left alone (`Retry-After`), whatever there is to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<Timestamp>,
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

/// Why the system switched an endpoint off.
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

    /// The lane that deliveries to it take.
    pub fn lane(&self) -> Lane {
        if self.slow || self.failing_since.is_some() { Lane::Slow } else { Lane::Fast }
    }

    /// Until when it is to be left alone, if it is at `now`.
    pub fn rest(&self, now: Timestamp) -> Option<Timestamp> {
        self.rests_until.filter(|until| now < *until)
    }

    /// An administrator switches it on, whatever it was, or pauses it.
    #[must_use]
    pub fn switched(self, on: bool) -> Self {
        let state = if on { EndpointState::Enabled } else { EndpointState::Paused };
        Self { state, ..self.afresh() }
    }

    /// An administrator has it told at `url`. What another server did says nothing of this one.
    #[must_use]
    pub fn moved(self, url: String) -> Self {
        if url == self.url { self } else { Self { url, ..self.afresh() } }
    }

    /// Nothing is known of how it answers.
    fn afresh(self) -> Self {
        Self { failing_since: None, slow: false, rests_until: None, ..self }
    }

    /// What it is when it let us wait for longer than [`super::PROMPT`], whatever it answers then, or did not.
    #[must_use]
    pub fn waited_for(self, slow: bool) -> Self {
        Self { slow, ..self }
    }

    /// What it is when it asked, at `now`, to be left alone for `wait`, if it did. An earlier wish that goes on for longer
    /// stands.
    #[must_use]
    pub fn asked_to_rest(self, wait: Option<SignedDuration>, now: Timestamp) -> Self {
        let rests_until = self.rests_until.max(wait.map(|wait| now + wait));
        Self { rests_until, ..self }
    }

    /// What it is after an attempt at `now` that led to `next`.
    #[must_use]
    pub fn after(self, next: Next, now: Timestamp) -> Self {
        match next {
            Next::Delivered => Self { failing_since: None, rests_until: None, ..self },
            Next::Again(_) | Next::GivenUp | Next::Gone => {
                Self { failing_since: Some(self.failing_since.unwrap_or(now)), ..self }
            }
        }
    }

    /// Whether it has taken nothing for five days, as is known at `now`: also where there was nothing to tell for some
    /// of the time.
    pub fn has_failed_for_long(&self, now: Timestamp) -> bool {
        self.failing_since.is_some_and(|since| now.duration_since(since) >= PATIENCE)
    }

    /// The system switches it off at `at`.
    #[must_use]
    pub fn disabled(self, reason: DisabledReason, at: Timestamp) -> Self {
        Self { state: EndpointState::Disabled { reason, at }, ..self }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::event::{EventType, Origin};
    use crate::session::Device;

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
            failing_since: None,
            slow: false,
            rests_until: None,
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

    #[test]
    fn a_success_ends_a_time_of_failures() {
        let failing = endpoint(&["*"]).after(Next::Again(at(5)), at(1)).after(Next::GivenUp, at(2));
        assert_eq!(failing.failing_since, Some(at(1)));
        assert_eq!(failing.after(Next::Delivered, at(3)).failing_since, None);
    }

    #[test]
    fn five_days_without_a_success_are_too_long() {
        let (endpoint, five_days) = (endpoint(&["*"]), 5 * 86_400);
        let failing = endpoint.clone().after(Next::Again(at(5)), at(0)).after(Next::GivenUp, at(1_000));
        assert!(
            !failing.has_failed_for_long(at(five_days - 1)) && failing.has_failed_for_long(at(five_days))
        );
        assert!(!endpoint.has_failed_for_long(at(five_days)));
    }

    #[test]
    fn who_asks_for_it_is_left_alone_until_their_time_is_over_or_they_answer_well() {
        let minutes = |minutes| Some(SignedDuration::from_mins(minutes));
        let resting = endpoint(&["*"]).asked_to_rest(minutes(2), at(0)).after(Next::Again(at(5)), at(0));
        assert_eq!([resting.rest(at(119)), resting.rest(at(120))], [Some(at(120)), None]);
        for shorter in [None, minutes(1)] {
            assert_eq!(resting.clone().asked_to_rest(shorter, at(1)).rest(at(1)), Some(at(120)));
        }
        assert_eq!(resting.clone().asked_to_rest(minutes(2), at(1)).rest(at(1)), Some(at(121)));
        assert_eq!(resting.after(Next::Delivered, at(1)).rest(at(1)), None);
    }

    #[test]
    fn what_is_known_of_one_server_is_not_held_against_another() {
        let known =
            endpoint(&["*"]).waited_for(true).asked_to_rest(Some(SignedDuration::from_mins(2)), at(0));
        let known = known.after(Next::Again(at(5)), at(0));
        let unknown = |it: &Endpoint| (it.failing_since, it.slow, it.rests_until) == (None, false, None);
        assert!(!unknown(&known.clone().moved(known.url.clone())));
        assert!(unknown(&known.clone().moved("https://other.example.com/".to_owned())));
        assert!(unknown(&known.clone().switched(true)) && unknown(&known.switched(false)));
    }

    #[test]
    fn who_fails_or_lets_us_wait_has_the_slow_lane_until_they_answer_well_again() {
        let prompt = endpoint(&["*"]);
        let failing = prompt.clone().after(Next::Again(at(5)), at(1));
        let slow = prompt.clone().waited_for(true).after(Next::Delivered, at(3));
        assert_eq!(prompt.lane(), Lane::Fast);
        for slow in [failing, slow] {
            assert_eq!(slow.lane(), Lane::Slow);
            assert_eq!(slow.clone().switched(true).lane(), Lane::Fast);
            assert_eq!(slow.waited_for(false).after(Next::Delivered, at(4)).lane(), Lane::Fast);
        }
    }

    #[test]
    fn a_disabled_endpoint_starts_afresh_when_it_is_switched_on() {
        let disabled = endpoint(&["*"]).after(Next::Gone, at(1)).disabled(DisabledReason::Gone, at(1));
        assert_eq!(disabled.state, EndpointState::Disabled { reason: DisabledReason::Gone, at: at(1) });
        assert!(!disabled.wants(&event(EventType::UserLogin)));
        let enabled = disabled.switched(true);
        assert_eq!((enabled.state, enabled.failing_since), (EndpointState::Enabled, None));
    }

    #[test]
    fn the_table_keeps_an_endpoint_as_it_is() {
        let endpoint = endpoint(&["*", "user.*"]).waited_for(true);
        let endpoint = endpoint.asked_to_rest(Some(SignedDuration::from_mins(2)), at(0));
        let endpoint = endpoint.after(Next::GivenUp, at(1)).disabled(DisabledReason::Failing, at(2));
        let item: std::collections::HashMap<String, serde_dynamo::AttributeValue> =
            serde_dynamo::to_item(&endpoint).unwrap();
        let read: Endpoint = serde_dynamo::from_item(item).unwrap();
        assert_eq!(format!("{read:?}"), format!("{endpoint:?}"));
    }
}
