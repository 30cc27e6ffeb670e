//! `PUT /admin/users/{user_id}`: an administrator changes an account's names, role or state.
//!
//! Nobody grants what they have not got: a role may be given only by one who outranks it. The write itself
//! asks that both accounts still stand as they did when that was decided.

use axum::extract::{Path, State};
use serde::Deserialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::{Event, EventType};
use shared::http::{Fields, Json, Permitted, Problem};
use shared::name::PersonName;
use shared::role::{Role, UserUpdate};
use shared::user::{Status, User};
use utoipa::ToSchema;

use super::{AdminUser, changed_meanwhile, find, may_act_on, may_grant};

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateUser {
    #[schema(example = "Jane")]
    first_name: Option<String>,
    #[schema(example = "Johnson")]
    last_name: Option<String>,
    #[schema(example = "manager")]
    role: Option<String>,
    is_active: Option<bool>,
}

impl UpdateUser {
    /// The account as it shall be from `now` on.
    fn check(self, user: User, now: Timestamp) -> Result<User, Problem> {
        let mut fields = Fields::default();
        let first_name = fields.take_optional("first_name", self.first_name.as_deref(), PersonName::parse);
        let last_name = fields.take_optional("last_name", self.last_name.as_deref(), PersonName::parse);
        let role = fields.take_optional("role", self.role.as_deref(), str::parse::<Role>);
        let ((first_name, last_name), role) = fields.all(first_name.zip(last_name).zip(role))?;
        let status = self.is_active.map(|active| if active { Status::Active } else { Status::Inactive });
        // Switching an account off ends its sessions for good: switching it on again revives none.
        let switched_off = user.is_active() && status == Some(Status::Inactive);
        Ok(User {
            generation: user.generation + u64::from(switched_off),
            first_name: first_name.map_or(user.first_name, String::from),
            last_name: last_name.map_or(user.last_name, String::from),
            role: role.unwrap_or(user.role),
            status: status.unwrap_or(user.status),
            updated_at: now,
            ..user
        })
    }
}

/// Change a user
#[utoipa::path(
    put,
    path = "/api/v1/admin/users/{user_id}",
    tag = "admin",
    params(("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    request_body = UpdateUser,
    responses((status = 200, description = "The account as it is now", body = AdminUser))
)]
pub(crate) async fn update_user(
    State(app): State<App>,
    caller: Permitted<UserUpdate>,
    Path(user_id): Path<String>,
    Json(form): Json<UpdateUser>,
) -> Result<Json<AdminUser>, Problem> {
    let Permitted { user: actor, origin, .. } = caller;
    let user = find(&app, &actor, &user_id).await?;
    may_act_on(&actor, &user)?;
    let changed = form.check(user.clone(), app.now())?;
    if changed.role != user.role {
        may_grant(&actor, changed.role)?;
    }
    let event = Event::new(EventType::AdminUserUpdated, &origin, changed.updated_at)
        .by(actor.id)
        .to(&user)
        .counting(Some(&user), Some(&changed))
        .with("role", changed.role.name())
        .with("role_before", user.role.name())
        .with("status", changed.status.name())
        .with("status_before", user.status.name());
    if !app.store.change((&actor, &user), &changed, &[event]).await? {
        return Err(changed_meanwhile());
    }
    Ok(Json(changed.into()))
}
