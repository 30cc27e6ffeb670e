//! What events tell besides whom they name: identifiers, names of fields and roles, reasons, never personal data.
//!
//! Receivers of webhooks read these members as the OpenAPI document describes them: one that is there keeps its name
//! and its meaning. A new member raises [`super::VERSION`]; what would break a receiver is an event of a new type.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::EventType;
use crate::id::{BulkId, DeletionId, ExportId, SessionId, TenantId, UserId, WebhookId};
use crate::role::CustomRole;
use crate::store::AuditFilter;
use crate::tally::Tally;
use crate::user::Status;
use crate::webhook::DisabledReason;

/// What the events of a type tell: a struct of this file.
pub trait Details: Serialize + ToSchema + 'static {}

impl<T: Serialize + ToSchema + 'static> Details for T {}

/// Nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nothing {}

/// A session that was opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionOpened {
    /// The session.
    pub session_id: SessionId,
    /// Whether it is the account's first sign-in of the day (UTC).
    #[schema(example = true)]
    pub first_of_day: bool,
}

/// The session that was ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct NamedSession {
    /// The session.
    pub session_id: SessionId,
}

/// The sessions that were ended: all, or all others.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtherSessionsEnded {
    /// The session that was kept, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = SessionId, required = false)]
    pub kept_session_id: Option<SessionId>,
}

/// A new password.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewPassword {
    /// How it was set.
    pub by: PasswordProof,
}

/// How somebody proved that they may choose a new password.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordProof {
    /// The old one.
    Change,
    /// The link in a mail.
    Reset,
}

/// A change of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldsChanged {
    /// The names of the fields that changed.
    #[schema(value_type = Vec<String>, example = json!(["first_name"]))]
    pub fields: Vec<&'static str>,
}

/// A change of an account, with its role and status.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountUpdated {
    /// The names of the fields that changed.
    #[schema(value_type = Vec<String>, example = json!(["role"]))]
    pub fields: Vec<&'static str>,
    /// The current role.
    #[schema(example = "manager")]
    pub role: String,
    /// The previous role.
    #[schema(example = "user")]
    pub role_before: String,
    /// The current status.
    pub status: Status,
    /// The previous status.
    pub status_before: Status,
}

/// A new account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountCreated {
    /// Its role.
    #[schema(example = "user")]
    pub role: String,
    /// The bulk operation that created it, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = BulkId, required = false)]
    pub operation_id: Option<BulkId>,
}

/// The first account.
#[derive(Debug, Serialize, ToSchema)]
pub struct FirstAdministrator {
    /// Its role.
    #[schema(example = "super_admin")]
    pub role: String,
}

/// A file with a person's data.
#[derive(Debug, Serialize, ToSchema)]
pub struct DataExported {
    /// The file.
    pub export_id: ExportId,
    /// Its format: `json` or `csv`.
    #[schema(value_type = String, example = "json")]
    pub format: &'static str,
}

/// An account that its owner erased.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnAccountErased {
    /// The id of the erasure, as on its receipt.
    pub deletion_id: DeletionId,
}

/// An account that was erased when its retention ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountErased {
    /// The id of the erasure, as on its receipt.
    pub deletion_id: DeletionId,
    /// Why.
    pub reason: ErasureReason,
}

/// Why an account was erased.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureReason {
    /// It was deleted long enough ago.
    Deleted,
    /// It was created long enough ago, and its address never verified.
    NeverVerified,
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub struct NamedRole {
    /// Its name.
    #[schema(example = "support")]
    pub role: String,
    /// Its permissions.
    #[schema(example = json!(["user:read"]))]
    pub permissions: Vec<String>,
}

impl From<&CustomRole> for NamedRole {
    fn from(role: &CustomRole) -> Self {
        Self { role: role.name.as_str().to_owned(), permissions: role.permissions.clone() }
    }
}

/// A role that changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleChanged {
    /// Its name.
    #[schema(example = "support")]
    pub role: String,
    /// Its permissions.
    #[schema(example = json!(["user:read", "user:update"]))]
    pub permissions: Vec<String>,
    /// Its previous permissions.
    #[schema(example = json!(["user:read"]))]
    pub permissions_before: Vec<String>,
}

/// A sign-in that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignInRefused {
    /// Why.
    pub reason: SignInRefusal,
}

/// Why a sign-in was refused.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignInRefusal {
    /// The address or the password is wrong, or there were too many attempts.
    WrongCredentials,
    /// The account is deactivated.
    Inactive,
    /// The address is not verified.
    NotVerified,
    /// Somebody who is signed in gave a wrong current password.
    WrongCurrentPassword,
}

/// Behaviour that no honest client shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuspiciousActivity {
    /// What it was.
    pub reason: Suspicion,
    /// The session that was ended because of it.
    pub session_id: SessionId,
}

/// What looks like an attack.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// A refresh token was used by two clients.
    RefreshTokenReused,
}

/// A request that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessRefused {
    /// The route, with the names of its parameters instead of their values.
    #[schema(example = "GET /api/v1/admin/users/{user_id}")]
    pub route: String,
    /// The missing permission, if one is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "user:read")]
    pub permission: Option<Value>,
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct NamedWebhook {
    /// Its id. The URL may hold a key and is left out.
    pub webhook: WebhookId,
}

/// A webhook that was disabled.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookDisabled {
    /// Its identifier.
    pub webhook: WebhookId,
    /// Why.
    pub reason: DisabledReason,
}

/// A part of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrailRead {
    /// The operation, by its path under `/api/v1/`.
    #[schema(value_type = String, example = "audit/logs")]
    pub how: &'static str,
    /// What was asked for.
    pub question: TrailQuestion,
}

/// A part of the audit trail; what is left out sets no limit.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TrailQuestion {
    /// The tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "default")]
    pub tenant: Option<TenantId>,
    /// The types of events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<EventType>, required = false, example = json!(["user.login"]))]
    pub types: Option<Vec<EventType>>,
    /// The user who caused the events, or whom they concern.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UserId, required = false)]
    pub user: Option<UserId>,
    /// The first day, or the first instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "2026-11-01T00:00:00Z")]
    pub from: Option<String>,
    /// The last day, or the last instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "2026-11-21T10:06:07Z")]
    pub to: Option<String>,
    /// Whether the trail was intact, if it was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false, example = true)]
    pub valid: Option<bool>,
}

impl From<&AuditFilter> for TrailQuestion {
    fn from(filter: &AuditFilter) -> Self {
        Self {
            tenant: Some(filter.tenant.clone()),
            types: filter.types.clone(),
            user: filter.user,
            from: filter.from.map(|at| at.to_string()),
            to: filter.to.map(|at| at.to_string()),
            valid: None,
        }
    }
}

/// The progress of a bulk operation.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkProgress {
    /// The operation.
    pub operation_id: BulkId,
    /// The number of rows.
    #[schema(example = 2000)]
    pub total: usize,
    /// Rows that became accounts.
    #[schema(example = 1990)]
    pub successful: usize,
    /// Rows that failed.
    #[schema(example = 7)]
    pub failed: usize,
    /// Rows whose address already had an account.
    #[schema(example = 3)]
    pub skipped: usize,
}

/// What was wrong with the counters.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountersReconciled {
    /// By how much each counter was raised, or lowered.
    #[schema(value_type = std::collections::BTreeMap<String, i64>, example = json!({ "users": 1, "role:user": 1 }))]
    pub differences: Tally,
}
