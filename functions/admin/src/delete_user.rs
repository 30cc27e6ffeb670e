//! `DELETE /admin/users/{user_id}`: the account stops working and leaves the lists, at once.
//!
//! Its record and its address stay for the time of retention, so that the deletion can be undone by whoever
//! runs the system. Nobody deletes themselves here.

use axum::extract::{Path, State};
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::event::{Event, EventType};
use shared::http::{Json, Permitted, Problem};
use shared::id::UserId;
use shared::role::UserDelete;
use shared::user::{Status, User};
use utoipa::ToSchema;

use super::{changed_meanwhile, find, may_act_on};

/// The account that is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    message: &'static str,
    #[schema(value_type = String, format = DateTime)]
    deleted_at: Timestamp,
}

/// Delete a user
#[utoipa::path(
    delete,
    path = "/api/v1/admin/users/{user_id}",
    tag = "admin",
    params(("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    responses((status = 200, description = "The account is gone", body = Deleted))
)]
pub(crate) async fn delete_user(
    State(app): State<App>,
    caller: Permitted<UserDelete>,
    Path(user_id): Path<String>,
) -> Result<Json<Deleted>, Problem> {
    let Permitted { user: actor, origin, .. } = caller;
    let user = find(&app, &actor, &user_id).await?;
    may_act_on(&actor, &user)?;
    let now = app.now();
    let gone = User {
        status: Status::Deleted,
        deleted_at: Some(now),
        generation: user.generation + 1,
        updated_at: now,
        ..user.clone()
    };
    let event = Event::new(EventType::AdminUserDeleted, &origin, now)
        .by(actor.id)
        .to(&user)
        .counting(Some(&user), Some(&gone));
    if !app.store.change((&actor, &user), &gone, &[event]).await? {
        return Err(changed_meanwhile());
    }
    let message = "User deleted successfully";
    Ok(Json(Deleted { user_id: user.id, email: user.email, message, deleted_at: now }))
}
