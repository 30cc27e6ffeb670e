//! A person's data as the file has it: field for field what the table keeps, and no secret.

use std::str::FromStr;

use serde::Serialize;
use serde_json::{Map, Value};
use shared::audit::History;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::event::EventType;
use shared::id::{ExportId, SessionId, UserId};
use shared::name::Username;
use shared::role::Role;
use shared::session::{Device, Session};
use shared::store::{AuditRecord, Sessions};
use shared::user::{Status, User};
use utoipa::ToSchema;

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// One object.
    #[default]
    Json,
    /// One table.
    Csv,
}

impl Format {
    /// Its name, also the ending of a file's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        [Self::Json, Self::Csv].into_iter().find(|it| it.name() == text).ok_or("must be json or csv")
    }
}

/// What is kept about a person.
pub(crate) struct Kept {
    pub(crate) user: User,
    pub(crate) sessions: Sessions,
    /// Their history, if it was asked for.
    pub(crate) history: Option<History>,
    /// Whether the file holds what whoever made the account keeps about it.
    pub(crate) with_metadata: bool,
}

/// A file of a person's data.
#[derive(Serialize, ToSchema)]
pub(crate) struct Export {
    pub(crate) metadata: FileMetadata,
    personal_data: PersonalData,
}

/// What the file is.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileMetadata {
    export_id: ExportId,
    user_id: UserId,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) export_date: Timestamp,
    pub(crate) format: Format,
    record_count: usize,
    categories: Vec<&'static str>,
    /// Whether the file is complete; false if it holds only the newest 5,000 records of the history, or 1,000 of the
    /// sessions.
    complete: bool,
}

/// What is kept.
#[derive(Serialize, ToSchema)]
struct PersonalData {
    user_profile: UserProfile,
    account_settings: AccountSettings,
    activity_logs: Vec<ActivityLog>,
    sessions: Vec<SessionRecord>,
    /// None are asked for.
    #[schema(value_type = Vec<Object>)]
    consents: [(); 0],
}

/// Who it is.
#[derive(Serialize, ToSchema)]
struct UserProfile {
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    /// The new address, until it is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pending_email: Option<Email>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    username: Option<Username>,
    first_name: String,
    last_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[schema(value_type = String, example = "user")]
    role: Role,
    status: Status,
    /// Why an administrator rejected the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection_reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    verified_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    approved_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<Timestamp>,
    login_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
}

/// The settings of the account; there are none.
#[derive(Default, Serialize, ToSchema)]
struct AccountSettings {
    preferences: Map<String, Value>,
    notifications: Map<String, Value>,
}

/// An event that the person caused, or that concerned their account.
#[derive(Serialize, ToSchema)]
struct ActivityLog {
    action: EventType,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// Null if it was somebody else, or is unknown.
    ip_address: Option<String>,
    /// Null if it was somebody else, or is unknown.
    user_agent: Option<String>,
    request_id: String,
    /// Whether the person did it; false also if unknown.
    by_you: bool,
    #[schema(value_type = Object)]
    details: Map<String, Value>,
}

/// A session of the person.
#[derive(Serialize, ToSchema)]
struct SessionRecord {
    session_id: SessionId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    ip_address: String,
    user_agent: String,
}

impl Kept {
    /// The file that it makes.
    pub(crate) fn into_export(self, (id, now): (ExportId, Timestamp), format: Format) -> Export {
        let mut categories = vec!["profile", "sessions"];
        if self.history.is_some() {
            categories.extend(["activity", "audit"]);
        }
        let complete = self.sessions.complete && self.history.as_ref().is_none_or(|history| history.complete);
        let records = self.history.map(|history| history.records).unwrap_or_default();
        let activity_logs = records.into_iter().map(|record| ActivityLog::of(record, &self.user)).collect();
        let user_id = self.user.id;
        let personal_data = PersonalData {
            user_profile: UserProfile::of(self.user, self.with_metadata),
            account_settings: AccountSettings::default(),
            activity_logs,
            sessions: self.sessions.sessions.into_iter().map(SessionRecord::from).collect(),
            consents: [],
        };
        let record_count = 1 + personal_data.activity_logs.len() + personal_data.sessions.len();
        let metadata = FileMetadata {
            export_id: id,
            user_id,
            export_date: now,
            format,
            record_count,
            categories,
            complete,
        };
        Export { metadata, personal_data }
    }
}

impl UserProfile {
    fn of(user: User, with_metadata: bool) -> Self {
        Self {
            user_id: user.id,
            email: user.email,
            pending_email: user.pending_email.map(|pending| pending.email),
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            phone: user.phone,
            role: user.role,
            status: user.status,
            rejection_reason: user.rejection.map(|rejection| rejection.reason),
            created_at: user.created_at,
            updated_at: user.updated_at,
            verified_at: user.verified_at,
            approved_at: user.approval.map(|approval| approval.at),
            last_login_at: user.last_login_at,
            login_count: user.login_count,
            metadata: Some(user.metadata).filter(|_| with_metadata),
        }
    }
}

impl ActivityLog {
    fn of(record: AuditRecord, user: &User) -> Self {
        let device = record.device.open(user.id, &user.privacy_key);
        let (ip_address, user_agent) =
            device.map(|Device { ip_address, user_agent }| (ip_address, user_agent)).unzip();
        Self {
            action: record.event_type,
            timestamp: record.at,
            ip_address,
            user_agent,
            request_id: record.request_id,
            by_you: record.actor == Some(user.id),
            details: record.data,
        }
    }
}

impl From<Session> for SessionRecord {
    fn from(session: Session) -> Self {
        Self {
            session_id: session.id,
            created_at: session.created_at,
            last_used_at: session.refreshed_at,
            expires_at: Timestamp::from_second(session.expires_at).ok(),
            ip_address: session.device.ip_address,
            user_agent: session.device.user_agent,
        }
    }
}
