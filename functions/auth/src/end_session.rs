//! `DELETE /auth/sessions/{session_id}`: one of one's own sessions ends, and with it all its tokens, at once.
//!
//! The current one may be ended, too: that is a logout. A session that is over, or another's, is not there.

use axum::extract::{Path, State};
use serde::Serialize;
use shared::App;
use shared::event::details::NamedSession;
use shared::event::{Event, EventType};
use shared::http::{Json, Permitted, Problem};
use shared::id::SessionId;
use shared::role::ProfileRead;
use utoipa::ToSchema;

/// The session that was ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionEnded {
    message: &'static str,
    session_id: SessionId,
}

/// End one of your own sessions
#[utoipa::path(
    delete,
    path = "/api/v1/auth/sessions/{session_id}",
    tag = "auth",
    params(("session_id" = String, Path, description = "`ses_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    responses((status = 200, description = "The session has ended", body = SessionEnded))
)]
pub(crate) async fn end_session(
    State(app): State<App>,
    caller: Permitted<ProfileRead>,
    Path(session_id): Path<String>,
) -> Result<Json<SessionEnded>, Problem> {
    let Permitted { user, session: current, origin, .. } = caller;
    let session_id: SessionId = session_id.parse().map_err(|_| Problem::session_not_found())?;
    let event_type =
        if session_id == current.id { EventType::UserLogout } else { EventType::UserSessionEnded };
    let event =
        Event::new(event_type, &origin, app.now()).by_themselves(&user).telling(NamedSession { session_id });
    if !app.store.end_own_session(&user, session_id, &event).await? {
        return Err(Problem::session_not_found());
    }
    Ok(Json(SessionEnded { message: "Session ended successfully", session_id }))
}
