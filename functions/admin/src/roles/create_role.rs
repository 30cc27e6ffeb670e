//! `POST /admin/roles`: an administrator makes a role of nothing but permissions that they hold.
//!
//! A name that accounts still have, because they got it while its role was removed, is not given to another role.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::event::details::NamedRole;
use shared::http::{Counting, Fields, Json, Problem};
use shared::id::TenantId;
use shared::role::{AdminAll, CustomRole, KnownRole, Role};
use shared::store::RoleAddition;
use utoipa::ToSchema;

use super::{Refusal, RoleInfo, described, event, refuse_in_use};

/// The role to create.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateRole {
    /// 2 to 32 lower-case letters, digits and underscores, starting with a letter.
    #[schema(example = "developer")]
    name: String,
    /// 1 to 50 characters; by default the name.
    #[schema(example = "Developer")]
    display_name: Option<String>,
    /// At most 200 characters.
    #[schema(example = "Builds and deploys")]
    description: Option<String>,
    /// At most 50, each `<family>:<action>` or `<family>:*`.
    #[schema(example = json!(["user:read", "projects:deploy"]))]
    permissions: Vec<String>,
}

impl CreateRole {
    /// The role, of `tenant`, made at `now`.
    fn check(self, tenant: TenantId, now: Timestamp) -> Result<CustomRole, Problem> {
        let mut fields = Fields::default();
        let name = match self.name.parse() {
            Ok(Role::Custom(name)) => Some(name),
            Ok(_) => return Err(Refusal::Exists.into()),
            Err(_) => {
                fields.note(
                    "name",
                    "must be 2 to 32 lower-case letters, digits and underscores, and start with a letter",
                );
                None
            }
        };
        let texts = (self.display_name.as_deref(), self.description.as_deref());
        let described = described(&mut fields, texts, Some(self.permissions));
        let (name, ((display_name, description), permissions)) = fields.all(name.zip(described))?;
        Ok(CustomRole {
            tenant,
            display_name: display_name.unwrap_or_else(|| name.to_string()),
            name,
            description: description.unwrap_or_default(),
            permissions: permissions.unwrap_or_default(),
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }
}

/// Create a role
#[utoipa::path(
    post,
    path = "/api/v1/admin/roles",
    tag = "admin",
    security(("access_token" = [])),
    request_body = CreateRole,
    responses((status = 201, description = "The role", body = RoleInfo))
)]
pub(crate) async fn create_role(
    State(app): State<App>,
    Counting { caller, users }: Counting<AdminAll>,
    Json(form): Json<CreateRole>,
) -> Result<(StatusCode, Json<RoleInfo>), Problem> {
    let role = form.check(caller.user.tenant.clone(), app.now())?;
    caller.may_make(&role)?;
    refuse_in_use(&users, &role)?;
    let event =
        event(EventType::AdminRoleCreated, &caller, &role, role.created_at).telling(NamedRole::from(&role));
    match app.store.add_role(&caller.user, &role, &event).await? {
        RoleAddition::Added => Ok((StatusCode::CREATED, Json(KnownRole::Custom(role).into()))),
        RoleAddition::NameTaken => Err(Refusal::Exists.into()),
        RoleAddition::TooMany => Err(Refusal::TooMany.into()),
        RoleAddition::ActorChanged => Err(Problem::changed_meanwhile()),
    }
}
