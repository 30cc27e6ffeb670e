//! `DELETE /admin/users/{user_id}/sessions`: all of somebody's sessions end at once, however many there are.
//!
//! How many they were is not told: nobody counts them. The account goes on; its owner may sign in again.

use axum::extract::{Path, State};
use serde::Serialize;
use shared::App;
use shared::event::{Event, EventType};
use shared::http::{Json, Permitted, Problem};
use shared::id::UserId;
use shared::role::AdminAll;
use shared::store::Changed;
use shared::user::User;
use utoipa::ToSchema;

use super::find;

/// The sessions were ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserSessionsEnded {
    message: &'static str,
    user_id: UserId,
}

/// End all of a user's sessions
#[utoipa::path(
    delete,
    path = "/api/v1/admin/users/{user_id}/sessions",
    tag = "admin",
    params(("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    responses((status = 200, description = "The sessions have ended", body = UserSessionsEnded))
)]
pub(crate) async fn end_user_sessions(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(user_id): Path<String>,
) -> Result<Json<UserSessionsEnded>, Problem> {
    let user = find(&app, &caller, &user_id).await?;
    let Permitted { user: actor, origin, .. } = &caller;
    let now = app.now();
    let signed_out = User { generation: user.generation + 1, updated_at: now, ..user.clone() };
    let event = Event::new(EventType::AdminUserSessionsEnded, origin, now).by(actor.id).to(&user);
    if app.store.change((actor, &user), &signed_out, &[event]).await? != Changed::Done {
        return Err(Problem::changed_meanwhile());
    }
    Ok(Json(UserSessionsEnded { message: "All sessions ended successfully", user_id: user.id }))
}
