//! A session as people see it, their own or, as administrators, another's. Nothing here continues one.

use serde::Serialize;
use utoipa::ToSchema;

use super::Session;
use crate::clock::Timestamp;
use crate::id::SessionId;

/// An active session.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionInfo {
    session_id: SessionId,
    /// Whether it is the session of this request.
    current: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its tokens were last issued or refreshed.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The address from which its tokens were last issued or refreshed.
    ip_address: String,
    user_agent: String,
    /// A readable name of the user agent.
    #[schema(example = "Firefox on Linux")]
    device: String,
}

impl SessionInfo {
    /// What is to be seen of `session`, in a list that `current` asks for.
    pub fn new(session: Session, current: Option<SessionId>) -> Self {
        Self {
            session_id: session.id,
            current: current == Some(session.id),
            created_at: session.created_at,
            last_used_at: session.refreshed_at,
            expires_at: Timestamp::from_second(session.expires_at).unwrap_or(Timestamp::MAX),
            device: session.device.name(),
            ip_address: session.device.ip_address,
            user_agent: session.device.user_agent,
        }
    }

    /// Its place in a list, which begins with the greatest: the newest.
    pub fn place(&self) -> (Timestamp, SessionId) {
        (self.created_at, self.session_id)
    }
}
