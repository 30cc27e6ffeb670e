//! `GET /admin/users`: the accounts of the caller's tenant, oldest first, or those whom a search finds.

use axum::extract::State;
use axum::http::HeaderMap;
use shared::App;
use shared::http::{Counting, Json, Page, PageParameters, Problem, Query, UserList, UserQuery};
use shared::role::UserRead;

use super::AdminUser;

/// List users
#[utoipa::path(
    get,
    path = "/api/v1/admin/users",
    tag = "admin",
    params(UserQuery, PageParameters),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of accounts, oldest first, or in search order",
        body = [AdminUser],
        headers(
            ("X-Total-Count" = u64, description = "The number of accounts in the whole list"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn list_users(
    State(app): State<App>,
    caller: Counting<UserRead>,
    Query(query): Query<UserQuery>,
    page: Page,
) -> Result<(HeaderMap, Json<Vec<AdminUser>>), Problem> {
    let UserList { users, headers, .. } = query.list(&app, &caller, (page, 10)).await?;
    Ok((headers, Json(users.into_iter().map(AdminUser::from).collect())))
}
