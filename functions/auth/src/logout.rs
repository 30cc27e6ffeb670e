//! `POST /auth/logout`: the session ends, and with it all its tokens, at once.

use axum::extract::State;
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::details::NamedSession;
use shared::event::{Event, EventType};
use shared::http::{Json, Problem, SignedIn, Verified};
use shared::id::UserId;
use utoipa::ToSchema;

/// The end of a session.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoggedOut {
    message: &'static str,
    user_id: UserId,
    #[schema(value_type = String, format = DateTime)]
    logout_at: Timestamp,
}

/// Sign out
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    tag = "auth",
    security(("access_token" = [])),
    responses((status = 200, description = "The session has ended", body = LoggedOut))
)]
pub(crate) async fn logout(
    State(app): State<App>,
    Verified(SignedIn { user, session, origin, .. }): Verified,
) -> Result<Json<LoggedOut>, Problem> {
    let now = app.now();
    let event = Event::new(EventType::UserLogout, &origin, now)
        .by_themselves(&user)
        .telling(NamedSession { session_id: session.id });
    app.store.end_session(&session, &event).await?;
    Ok(Json(LoggedOut { message: "Logged out successfully", user_id: user.id, logout_at: now }))
}
