//! `PUT /admin/roles/{name}`: an administrator changes what a role may do, or what people are told of it.
//!
//! They hold all that it may do, before and afterwards.

use axum::extract::{Path, State};
use serde::Deserialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::event::details::RoleChanged;
use shared::http::{Fields, Json, Permitted, Problem};
use shared::role::{AdminAll, CustomRole, KnownRole};
use utoipa::ToSchema;

use super::{RoleInfo, described, event, find_own};

/// What to change; fields left out stay as they are.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateRole {
    /// 1 to 50 characters.
    #[schema(example = "Developer")]
    display_name: Option<String>,
    /// At most 200 characters.
    #[schema(example = "Builds and deploys")]
    description: Option<String>,
    /// All its permissions from now on: at most 50, each `<family>:<action>` or `<family>:*`.
    #[schema(example = json!(["user:read", "projects:deploy"]))]
    permissions: Option<Vec<String>>,
}

impl UpdateRole {
    /// The role as it shall be from `now` on.
    fn check(self, role: CustomRole, now: Timestamp) -> Result<CustomRole, Problem> {
        let mut fields = Fields::default();
        let texts = (self.display_name.as_deref(), self.description.as_deref());
        let described = described(&mut fields, texts, self.permissions);
        let ((display_name, description), permissions) = fields.all(described)?;
        Ok(CustomRole {
            display_name: display_name.unwrap_or(role.display_name),
            description: description.unwrap_or(role.description),
            permissions: permissions.unwrap_or(role.permissions),
            updated_at: now,
            ..role
        })
    }
}

/// Change a role
#[utoipa::path(
    put,
    path = "/api/v1/admin/roles/{name}",
    tag = "admin",
    params(("name" = String, Path, description = "The name of a role that is not built in")),
    security(("access_token" = [])),
    request_body = UpdateRole,
    responses((status = 200, description = "The updated role", body = RoleInfo))
)]
pub(crate) async fn update_role(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(name): Path<String>,
    Json(form): Json<UpdateRole>,
) -> Result<Json<RoleInfo>, Problem> {
    let role = find_own(&app, &caller, &name).await?;
    let changed = form.check(role.clone(), app.now())?;
    caller.may_make(&changed)?;
    let event =
        event(EventType::AdminRoleUpdated, &caller, &changed, changed.updated_at).telling(RoleChanged {
            role: changed.name.as_str().to_owned(),
            permissions: changed.permissions.clone(),
            permissions_before: role.permissions,
        });
    if !app.store.change_role(&caller.user, &changed, &event).await? {
        return Err(Problem::changed_meanwhile());
    }
    Ok(Json(KnownRole::Custom(changed).into()))
}
