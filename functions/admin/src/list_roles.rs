//! `GET /admin/roles`: the roles, and what each may do.

use serde::Serialize;
use shared::http::{Json, Permitted};
use shared::role::{AdminAll, Role};
use utoipa::ToSchema;

/// A role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleInfo {
    #[schema(example = "manager")]
    name: &'static str,
    #[schema(example = "Manager")]
    display_name: &'static str,
    #[schema(example = "Limited management access")]
    description: &'static str,
    permissions: &'static [&'static str],
}

/// List the roles
#[utoipa::path(
    get,
    path = "/api/v1/admin/roles",
    tag = "admin",
    security(("access_token" = [])),
    responses((status = 200, description = "The roles, the highest first", body = [RoleInfo]))
)]
pub(crate) async fn list_roles(_: Permitted<AdminAll>) -> Json<Vec<RoleInfo>> {
    let info = |role: Role| RoleInfo {
        name: role.name(),
        display_name: role.display_name(),
        description: role.description(),
        permissions: role.permissions(),
    };
    Json(Role::all().map(info).collect())
}
