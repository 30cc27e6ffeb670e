//! `GET /admin/audit-logs`: what happened in the caller's tenant, newest first, as a bare array.
//!
//! The same trail as `GET /audit/logs`, for administrators.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::App;
use shared::audit::{self, Entry};
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::http::{ENTRIES_NUMBERED, Fields, Json, Page, PageParameters, Permitted, Problem, Query};
use shared::id::{AuditId, TenantId, UserId};
use shared::role::AdminAll;
use shared::store::AuditFilter;
use utoipa::{IntoParams, ToSchema};

/// Which events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditLogs {
    /// Only events of this type: `user.login`, or `user_login`.
    event_type: Option<String>,
    /// Only events that this user caused, or that concern them.
    user_id: Option<String>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditLog {
    #[schema(example = "audit_550e8400e29b41d4a716446655440000")]
    event_id: AuditId,
    #[schema(example = "user.login")]
    event_type: EventType,
    /// Who did it; where nobody knows, to whom it was done.
    user_id: Option<UserId>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// Further details.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
    /// Null if the person was erased.
    ip_address: Option<String>,
    /// Null if the person was erased.
    user_agent: Option<String>,
}

impl From<Entry> for AuditLog {
    fn from(entry: Entry) -> Self {
        let (user_id, details) = (entry.user_id(), entry.details());
        let Entry { record, device } = entry;
        let (ip_address, user_agent) = device.map(|it| (it.ip_address, it.user_agent)).unzip();
        Self {
            event_id: record.id.uuid().into(),
            event_type: record.event_type,
            user_id,
            timestamp: record.at,
            details,
            ip_address,
            user_agent,
        }
    }
}

impl AuditLogs {
    fn check(&self, tenant: &TenantId, fields: &mut Fields) -> Option<AuditFilter> {
        let event_type = fields.take_optional("event_type", self.event_type.as_deref(), audit::parse_action);
        let user = fields.take_optional("user_id", self.user_id.as_deref(), str::parse);
        let (event_type, user) = event_type.zip(user)?;
        let types = audit::types(event_type, None, None);
        Some(AuditFilter { tenant: tenant.clone(), types, user, from: None, to: None })
    }
}

/// Read the audit trail
#[utoipa::path(
    get,
    path = "/api/v1/admin/audit-logs",
    tag = "admin",
    params(AuditLogs, PageParameters),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of events, newest first",
        body = [AuditLog],
        headers(
            ("X-Total-Count" = u64, description = "The number of events; for one user, at most 1,000"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn audit_logs(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Query(query): Query<AuditLogs>,
    page: Page,
) -> Result<(HeaderMap, Json<Vec<AuditLog>>), Problem> {
    let mut fields = Fields::default();
    let filter = query.check(&caller.user.tenant, &mut fields);
    let window = page.window((10, ENTRIES_NUMBERED), &mut fields);
    let (filter, window) = fields.all(filter.zip(window))?;
    let part = caller.read_audit(&app, ("admin/audit-logs", &filter), (&page, window)).await?;
    Ok((part.headers, Json(part.entries.into_iter().map(AuditLog::from).collect())))
}
