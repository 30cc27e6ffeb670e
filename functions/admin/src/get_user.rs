//! `GET /admin/users/{user_id}`: one account.

use axum::extract::{Path, State};
use shared::App;
use shared::http::{Json, Permitted, Problem};
use shared::role::UserRead;

use super::{AdminUser, find};

/// Read a user
#[utoipa::path(
    get,
    path = "/api/v1/admin/users/{user_id}",
    tag = "admin",
    params(("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    responses((status = 200, description = "The account", body = AdminUser))
)]
pub(crate) async fn get_user(
    State(app): State<App>,
    caller: Permitted<UserRead>,
    Path(user_id): Path<String>,
) -> Result<Json<AdminUser>, Problem> {
    Ok(Json(find(&app, &caller.user, &user_id).await?.into()))
}
