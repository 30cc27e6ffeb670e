//! `DELETE /admin/users/{user_id}/sessions/{session_id}`: one of somebody's sessions ends, and with it all its
//! tokens, at once.

use axum::extract::{Path, State};
use serde::Serialize;
use shared::App;
use shared::event::details::NamedSession;
use shared::event::{Event, EventType};
use shared::http::{Json, Permitted, Problem};
use shared::id::{SessionId, UserId};
use shared::role::AdminAll;
use shared::store::Ending;
use utoipa::ToSchema;

use super::find;

/// The session that was ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserSessionEnded {
    message: &'static str,
    user_id: UserId,
    session_id: SessionId,
}

/// End one of a user's sessions
#[utoipa::path(
    delete,
    path = "/api/v1/admin/users/{user_id}/sessions/{session_id}",
    tag = "admin",
    params(
        ("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID"),
        ("session_id" = String, Path, description = "`ses_` and 32 hexadecimal digits, or a UUID")
    ),
    security(("access_token" = [])),
    responses((status = 200, description = "The session has ended", body = UserSessionEnded))
)]
pub(crate) async fn end_user_session(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path((user_id, session_id)): Path<(String, String)>,
) -> Result<Json<UserSessionEnded>, Problem> {
    let user = find(&app, &caller, &user_id).await?;
    let Permitted { user: actor, origin, .. } = &caller;
    let session_id: SessionId = session_id.parse().map_err(|_| Problem::session_not_found())?;
    let event = Event::new(EventType::AdminUserSessionEnded, origin, app.now())
        .by(actor.id)
        .to(&user)
        .telling(NamedSession { session_id });
    match app.store.end_session_of((actor, &user), session_id, &event).await? {
        Ending::Done => {}
        Ending::NoSuchSession => return Err(Problem::session_not_found()),
        Ending::AccountChanged => return Err(Problem::changed_meanwhile()),
    }
    Ok(Json(UserSessionEnded { message: "Session ended successfully", user_id: user.id, session_id }))
}
