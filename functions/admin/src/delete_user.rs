//! `DELETE /admin/users/{user_id}`: the account stops working and leaves the lists, at once.
//!
//! Its record and its address stay for the time of retention, and then the clean-up erases it. Nobody deletes themselves
//! here.

use axum::extract::State;
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::http::{Json, Permitted, Problem, Target};
use shared::id::UserId;
use shared::role::UserDelete;
use utoipa::ToSchema;

/// The account that was deleted.
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
    params(
        ("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that came with the account")
    ),
    security(("access_token" = [])),
    responses((status = 200, description = "The account is deleted", body = Deleted))
)]
pub(crate) async fn delete_user(
    State(app): State<App>,
    caller: Permitted<UserDelete>,
    target: Target,
) -> Result<Json<Deleted>, Problem> {
    let user = caller.find(&app, &target.id).await?;
    let gone = caller.delete(&app, user, &target.if_match).await?;
    let message = "User deleted successfully";
    Ok(Json(Deleted { user_id: gone.id, email: gone.email, message, deleted_at: gone.updated_at }))
}
