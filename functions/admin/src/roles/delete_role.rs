//! `DELETE /admin/roles/{name}`: a role that no account has is removed.
//!
//! The counters say whether one has it, a moment late: an account that gets it in that moment may do nothing but
//! what is its own, until it is given another role.

use axum::extract::{Path, State};
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::event::details::NamedRole;
use shared::http::{Counting, Json, Problem};
use shared::role::{AdminAll, CustomRoleName};
use utoipa::ToSchema;

use super::{event, find_own, refuse_in_use};

/// The role that was deleted.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleDeleted {
    #[schema(value_type = String, example = "developer")]
    name: CustomRoleName,
    message: &'static str,
    #[schema(value_type = String, format = DateTime)]
    deleted_at: Timestamp,
}

/// Delete a role
#[utoipa::path(
    delete,
    path = "/api/v1/admin/roles/{name}",
    tag = "admin",
    params(("name" = String, Path, description = "The name of a role that is not built in")),
    security(("access_token" = [])),
    responses((status = 200, description = "The role is deleted", body = RoleDeleted))
)]
pub(crate) async fn delete_role(
    State(app): State<App>,
    Counting { caller, users }: Counting<AdminAll>,
    Path(name): Path<String>,
) -> Result<Json<RoleDeleted>, Problem> {
    let role = find_own(&app, &caller, &name).await?;
    refuse_in_use(&users, &role)?;
    let deleted_at = app.now();
    let event =
        event(EventType::AdminRoleDeleted, &caller, &role, deleted_at).telling(NamedRole::from(&role));
    if !app.store.remove_role(&caller.user, &role, &event).await? {
        return Err(Problem::changed_meanwhile());
    }
    Ok(Json(RoleDeleted { name: role.name, message: "Role deleted successfully", deleted_at }))
}
