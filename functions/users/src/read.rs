//! `GET /users/{user_id}`: an account. Everybody reads their own; of others, who may not read users learns nothing,
//! not even whether they exist.

use axum::extract::{Path, State};
use shared::App;
use shared::http::{Permitted, Problem, Tagged};
use shared::role::{ProfileRead, UserRead};

use super::UserRecord;

/// Read a user
#[utoipa::path(
    get,
    path = "/api/v1/users/{user_id}",
    tag = "users",
    params(("user_id" = String, Path, description = "A UUID, or `usr_` and 32 hexadecimal digits")),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "The account",
        body = UserRecord,
        headers(("ETag" = String, description = "The version of the account, for `If-Match`"))
    ))
)]
pub(crate) async fn read_user_record(
    State(app): State<App>,
    caller: Permitted<ProfileRead>,
    Path(id): Path<String>,
) -> Result<Tagged<UserRecord>, Problem> {
    let user = if caller.is(&id) { caller.user } else { caller.also::<UserRead>()?.find(&app, &id).await? };
    Ok(Tagged(user.version, user.into()))
}
