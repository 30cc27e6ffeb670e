//! `GET /users`: the accounts of the caller's tenant, oldest first, or those whom a search finds.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use shared::App;
use shared::http::{Counting, Json, Page, PageParameters, Position, Problem, Query, UserList, UserQuery};
use shared::role::UserRead;
use utoipa::ToSchema;

use super::UserRecord;

/// A page of accounts and its position in the list.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserRecords {
    users: Vec<UserRecord>,
    /// The same as `current_page`.
    page: u64,
    /// The same as `limit`.
    per_page: u64,
    #[serde(flatten)]
    position: Position,
}

/// List users
#[utoipa::path(
    get,
    path = "/api/v1/users",
    tag = "users",
    params(UserQuery, PageParameters),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of accounts, oldest first, or in search order",
        body = UserRecords,
        headers(
            ("X-Total-Count" = u64, description = "The number of accounts in the whole list"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn list_user_records(
    State(app): State<App>,
    caller: Counting<UserRead>,
    Query(query): Query<UserQuery>,
    page: Page,
) -> Result<(HeaderMap, Json<UserRecords>), Problem> {
    let UserList { users, headers, position } = query.list(&app, &caller, (page, 20)).await?;
    let users = users.into_iter().map(UserRecord::from).collect();
    let (page, per_page) = (position.current_page, position.limit);
    Ok((headers, Json(UserRecords { users, page, per_page, position })))
}
