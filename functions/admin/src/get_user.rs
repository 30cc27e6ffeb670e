//! `GET /admin/users/{user_id}`: one account.

use axum::extract::{Path, State};
use shared::App;
use shared::http::{Permitted, Problem, Tagged};
use shared::role::UserRead;

use super::AdminUser;

/// Read a user
#[utoipa::path(
    get,
    path = "/api/v1/admin/users/{user_id}",
    tag = "admin",
    params(("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "The account",
        body = AdminUser,
        headers(("ETag" = String, description = "The version of the account, for `If-Match`"))
    ))
)]
pub(crate) async fn get_user(
    State(app): State<App>,
    caller: Permitted<UserRead>,
    Path(user_id): Path<String>,
) -> Result<Tagged<AdminUser>, Problem> {
    let user = caller.find(&app, &user_id).await?;
    Ok(Tagged(user.version, user.into()))
}
