//! `DELETE /users/{user_id}`: the account stops working and leaves the lists, at once. Its record and its address stay
//! for the time of retention. Nobody deletes themselves here.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::http::{Json, Permitted, Problem, Target};
use shared::id::UserId;
use shared::role::UserDelete;
use utoipa::ToSchema;

/// The account that was deleted.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeletedUserRecord {
    message: &'static str,
    user_id: UserId,
    #[schema(value_type = String, format = DateTime)]
    deleted_at: Timestamp,
}

enum Refusal {
    /// It is the caller's.
    Own,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Own => Self::new(
                StatusCode::BAD_REQUEST,
                "CANNOT_DELETE_YOURSELF",
                "You cannot delete your own account; ask another administrator",
            ),
        }
    }
}

/// Delete a user
#[utoipa::path(
    delete,
    path = "/api/v1/users/{user_id}",
    tag = "users",
    params(
        ("user_id" = String, Path, description = "A UUID, or `usr_` and 32 hexadecimal digits"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that came with the account")
    ),
    security(("access_token" = [])),
    responses((status = 200, description = "The account is deleted", body = DeletedUserRecord))
)]
pub(crate) async fn delete_user_record(
    State(app): State<App>,
    caller: Permitted<UserDelete>,
    target: Target,
) -> Result<Json<DeletedUserRecord>, Problem> {
    if caller.is(&target.id) {
        return Err(Refusal::Own.into());
    }
    let user = caller.find(&app, &target.id).await?;
    let gone = caller.delete(&app, user, &target.if_match).await?;
    let message = "User deleted successfully";
    Ok(Json(DeletedUserRecord { message, user_id: gone.id, deleted_at: gone.updated_at }))
}
