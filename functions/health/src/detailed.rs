//! `GET /health/detailed`: everything there is to know.
//!
//! Metrics of this process and what was logged last are shown only to callers who may read the audit trail;
//! all others get the same answer without them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::details::TrailQuestion;
use shared::http::{Json, Permitted, Problem};
use shared::id::EventId;
use shared::role::AuditRead;
use shared::store::AuditRecord;
use shared::traffic::Figures;
use utoipa::ToSchema;

use super::Service;
use super::probe::{Check, Checks, Machine, ask_database};

/// How much of the audit trail is shown: of the last hour, the last 50.
const LOGS: (i64, i32) = (3600, 50);

/// The state of the service, with metrics and recent events for auditors.
#[derive(Serialize, ToSchema)]
pub(crate) struct Detailed {
    #[serde(flatten)]
    state: Condition,
    /// The same again, for clients that expect this form.
    health: Condition,
    /// Of this process; only for callers who may read the audit trail.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Figures>,
    /// What happened last; only for callers who may read the audit trail.
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<Vec<LogEntry>>,
}

/// The state of the service and of what it depends on.
#[derive(Clone, Serialize, ToSchema)]
struct Condition {
    #[serde(flatten)]
    service: Service,
    uptime_seconds: f64,
    #[schema(value_type = Object)]
    checks: Checks,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
struct LogEntry {
    event_id: EventId,
    #[schema(example = "user.login")]
    event_type: shared::event::EventType,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// Who did it; where nobody knows, to whom it was done.
    user_id: Option<shared::id::UserId>,
}

impl From<AuditRecord> for LogEntry {
    fn from(record: AuditRecord) -> Self {
        let user_id = record.user_id();
        Self { event_id: record.id, event_type: record.event_type, timestamp: record.at, user_id }
    }
}

/// Detailed health
#[utoipa::path(
    get,
    path = "/api/v1/health/detailed",
    tag = "health",
    security((), ("access_token" = [])),
    responses(
        (status = 200, description = "The status of each part", body = Detailed),
        (status = 503, description = "The table does not answer", body = Detailed)
    )
)]
pub(crate) async fn detailed(
    State(app): State<App>,
    auditor: Option<Permitted<AuditRead>>,
) -> Result<(StatusCode, Json<Detailed>), Problem> {
    let (database, machine) = (ask_database(&app).await.is_some(), Machine::now()?);
    let mut checks = machine.checks();
    checks.extend([
        ("api", Check::api()),
        ("database", Check::database(database)),
        ("configuration", Check::configuration()),
    ]);
    let status = if database { machine.status() } else { "unhealthy" };
    let code = if database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let service = Service::new(&app, status);
    let state = Condition { service, uptime_seconds: app.traffic.uptime().as_secs_f64(), checks };
    let logs = match &auditor {
        Some(auditor) => Some(recent(&app, auditor).await),
        None => None,
    };
    let metrics = auditor.map(|_| app.traffic.figures());
    Ok((code, Json(Detailed { health: state.clone(), state, metrics, logs })))
}

/// What happened last in the auditor's tenant, once it is told that they read it; nothing where the table does not answer.
async fn recent(app: &App, auditor: &Permitted<AuditRead>) -> Vec<LogEntry> {
    let now = app.now();
    let since = now - jiff::SignedDuration::from_secs(LOGS.0);
    let recent = async {
        let kept = app.store.recent_audit(&auditor.user.tenant, (since, now), LOGS.1).await?;
        let tenant = Some(auditor.user.tenant.clone());
        let question = TrailQuestion { tenant, from: Some(since.to_string()), ..TrailQuestion::default() };
        auditor.tell_audit_read(app, "health/detailed", question).await?;
        app.proven(kept).await
    };
    match recent.await {
        Ok(records) => records.into_iter().map(LogEntry::from).collect(),
        Err(fault) => {
            tracing::error!(cause = fault.chain(), "the audit trail could not be read");
            Vec::new()
        }
    }
}
