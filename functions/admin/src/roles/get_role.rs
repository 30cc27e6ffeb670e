//! `GET /admin/roles/{name}`: one role.

use axum::extract::{Path, State};
use shared::App;
use shared::http::{Json, Permitted, Problem};
use shared::role::AdminAll;

use super::{RoleInfo, find};

/// Read a role
#[utoipa::path(
    get,
    path = "/api/v1/admin/roles/{name}",
    tag = "admin",
    params(("name" = String, Path, description = "The name of a role")),
    security(("access_token" = [])),
    responses((status = 200, description = "The role", body = RoleInfo))
)]
pub(crate) async fn get_role(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(name): Path<String>,
) -> Result<Json<RoleInfo>, Problem> {
    Ok(Json(find(&app, &caller, &name).await?.into()))
}
