//! `GET /audit/summary`: how much happened.
//!
//! The numbers come from counters that follow an event within a moment; no record is read.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use shared::App;
use shared::audit::{Outcome, Severity};
use shared::event::EventType;
use shared::event::details::TrailQuestion;
use shared::http::{Json, Permitted, Problem};
use shared::role::AuditRead;
use shared::store::{EventCounters, count_events};
use shared::tally::Tally;
use utoipa::ToSchema;

/// What counts as this week, and as recent: today and the six days before.
const RECENT_DAYS: i64 = 6;

/// The events of the caller's tenant, counted. Days are those of UTC.
#[derive(Serialize, ToSchema)]
pub(crate) struct Summary {
    /// Since the tenant exists.
    total_events: i64,
    events_today: i64,
    /// Today and in the six days before.
    events_this_week: i64,
    /// Since the tenant exists.
    events_by_severity: BySeverity,
    /// Since the tenant exists, by the event's name.
    #[schema(value_type = std::collections::BTreeMap<String, i64>)]
    events_by_action: BTreeMap<&'static str, i64>,
    /// Refusals of today and the six days before.
    recent_failures: i64,
    /// How many people signed in today.
    active_users_today: i64,
}

/// Events by how much they matter.
#[derive(Serialize, ToSchema)]
struct BySeverity {
    critical: i64,
    high: i64,
    medium: i64,
    /// Those that are `info` count here.
    low: i64,
}

impl From<EventCounters> for Summary {
    fn from(counters: EventCounters) -> Self {
        let (ever, days) = (&counters.ever, &counters.days);
        let all = |tally: &Tally| count_events(tally, |_| true);
        let of = |severity| count_events(ever, |it| it.severity() == severity);
        let failures = |day| count_events(day, |it| it.outcome() == Outcome::Failure);
        let happened = |it: &EventType| Some((it.name(), *ever.get(it.name())?));
        Self {
            total_events: all(ever),
            events_today: days.first().map(all).unwrap_or_default(),
            events_this_week: days.iter().map(all).sum(),
            events_by_severity: BySeverity {
                critical: of(Severity::Critical),
                high: of(Severity::High),
                medium: of(Severity::Medium),
                low: of(Severity::Low) + of(Severity::Info),
            },
            events_by_action: EventType::ALL.iter().filter_map(happened).collect(),
            recent_failures: days.iter().map(failures).sum(),
            active_users_today: counters.active_today(),
        }
    }
}

/// Count what happened
#[utoipa::path(
    get,
    path = "/api/v1/audit/summary",
    tag = "audit",
    security(("access_token" = [])),
    responses((status = 200, description = "The events, counted", body = Summary))
)]
pub(crate) async fn summary(
    State(app): State<App>,
    caller: Permitted<AuditRead>,
) -> Result<Json<Summary>, Problem> {
    let counters = app.store.event_counters(&caller.user.tenant, app.now(), RECENT_DAYS).await?;
    let question = TrailQuestion { tenant: Some(caller.user.tenant.clone()), ..TrailQuestion::default() };
    caller.tell_audit_read(&app, "audit/summary", question).await?;
    Ok(Json(counters.into()))
}
