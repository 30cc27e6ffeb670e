//! `GET /audit/logs`: what happened in the caller's tenant, newest first, by any combination of conditions.
//!
//! The list reads an index, which learns of an event a moment after it happened.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::App;
use shared::audit::{self, Entry, Outcome, Resource, Severity};
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::http::{
    ENTRIES_NUMBERED, Fields, Json, Page, PageParameters, Permitted, Position, Problem, Query,
};
use shared::id::{AuditId, TenantId, UserId};
use shared::role::AuditRead;
use shared::store::AuditFilter;
use utoipa::{IntoParams, ToSchema};

/// Which events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Logs {
    /// Only what is called so: `user.login`, or `user_login`.
    action: Option<String>,
    /// Only what was done to a thing of this kind.
    #[param(value_type = Option<Resource>)]
    resource: Option<String>,
    /// Only what this user did, or what was done to them.
    user_id: Option<String>,
    /// Not before this instant, or this day (UTC).
    #[param(example = "2024-01-15")]
    start_date: Option<String>,
    /// Not after this instant, or this day (UTC).
    #[param(example = "2024-01-15T11:30:00Z")]
    end_date: Option<String>,
    /// Only of this severity; `low` means `info` as well.
    #[param(value_type = Option<Severity>)]
    severity: Option<String>,
}

/// A page of events, and where in their list it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogPage {
    items: Vec<LogItem>,
    #[serde(flatten)]
    position: Position,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
struct LogItem {
    #[schema(example = "audit_550e8400e29b41d4a716446655440000")]
    audit_id: AuditId,
    /// Who did it; where nobody knows, to whom it was done.
    user_id: Option<UserId>,
    #[schema(example = "user.login")]
    action: EventType,
    resource_type: Resource,
    /// The account, session, role or permission that it was done to.
    resource_id: Option<String>,
    severity: Severity,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// What else there is to know.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    outcome: Outcome,
    /// Null where the person was erased.
    ip_address: Option<String>,
    /// Null where the person was erased.
    user_agent: Option<String>,
}

impl From<Entry> for LogItem {
    fn from(entry: Entry) -> Self {
        let (user_id, resource_id, metadata) = (entry.user_id(), entry.resource_id(), entry.details());
        let Entry { record, device } = entry;
        let (ip_address, user_agent) = device.map(|it| (it.ip_address, it.user_agent)).unzip();
        Self {
            audit_id: record.id.uuid().into(),
            user_id,
            action: record.event_type,
            resource_type: record.event_type.resource(),
            resource_id,
            severity: record.event_type.severity(),
            timestamp: record.at,
            metadata,
            outcome: record.event_type.outcome(),
            ip_address,
            user_agent,
        }
    }
}

impl Logs {
    fn check(&self, tenant: &TenantId, fields: &mut Fields) -> Option<AuditFilter> {
        let action = fields.take_optional("action", self.action.as_deref(), audit::parse_action);
        let resource = fields.take_optional("resource", self.resource.as_deref(), audit::parse_resource);
        let severity = fields.take_optional("severity", self.severity.as_deref(), audit::parse_severity);
        let user = fields.take_optional("user_id", self.user_id.as_deref(), str::parse);
        let from = fields.take_optional("start_date", self.start_date.as_deref(), audit::parse_start);
        let to = fields.take_optional("end_date", self.end_date.as_deref(), audit::parse_end);
        let (((action, resource), severity), ((user, from), to)) =
            action.zip(resource).zip(severity).zip(user.zip(from).zip(to))?;
        let types = audit::types(action, resource, severity);
        Some(AuditFilter { tenant: tenant.clone(), types, user, from, to })
    }
}

/// Read the audit trail
///
/// Where neither a user nor a time is asked for, `total` is exact and counts what was removed after its time, too;
/// otherwise it is 1,000 where there are so many or more. Of a user and some kinds of events it counts those among the
/// user's newest 5,000 events on each side, done by them and to them. A page may be short before the list ends:
/// `has_next` and `X-Next-Cursor` tell.
#[utoipa::path(
    get,
    path = "/api/v1/audit/logs",
    tag = "audit",
    params(Logs, PageParameters),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of events, newest first",
        body = LogPage,
        headers(
            ("X-Total-Count" = u64, description = "The same as `total`"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn logs(
    State(app): State<App>,
    caller: Permitted<AuditRead>,
    Query(query): Query<Logs>,
    page: Page,
) -> Result<(HeaderMap, Json<LogPage>), Problem> {
    let mut fields = Fields::default();
    let filter = query.check(&caller.user.tenant, &mut fields);
    let window = page.window((10, ENTRIES_NUMBERED), &mut fields);
    let (filter, window) = fields.all(filter.zip(window))?;
    let part = caller.read_audit(&app, ("audit/logs", &filter), (&page, window)).await?;
    let items = part.entries.into_iter().map(LogItem::from).collect();
    Ok((part.headers, Json(LogPage { items, position: part.position })))
}
