//! `GET /admin/roles`: the roles, and what each may do: the built-in ones, the highest first, then the tenant's
//! own by name.
//!
//! A tenant has at most 100 of its own, so there are no pages: the answer is the whole list.

use axum::extract::State;
use axum::http::HeaderName;
use shared::App;
use shared::http::{Json, Permitted, Problem};
use shared::role::{AdminAll, KnownRole, Role};

use super::RoleInfo;

/// How many roles there are.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// List the roles
#[utoipa::path(
    get,
    path = "/api/v1/admin/roles",
    tag = "admin",
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "All roles: the built-in ones, the highest first, then the others by name",
        body = [RoleInfo],
        headers(("X-Total-Count" = u64, description = "How many roles there are"))
    ))
)]
pub(crate) async fn list_roles(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
) -> Result<([(HeaderName, String); 1], Json<Vec<RoleInfo>>), Problem> {
    let own = app.store.roles(&caller.user.tenant).await?.into_iter().map(KnownRole::Custom);
    let roles: Vec<_> = Role::built_in().map(KnownRole::BuiltIn).chain(own).map(RoleInfo::from).collect();
    Ok(([(TOTAL, roles.len().to_string())], Json(roles)))
}
