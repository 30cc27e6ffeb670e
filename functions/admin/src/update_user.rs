//! `PUT /admin/users/{user_id}`: an administrator changes an account's names, address, role or state.
//!
//! Nobody grants what they have not got: a role may be given only by one who outranks it. The write itself
//! asks that both accounts still stand as they did when that was decided.

use axum::extract::State;
use serde::Deserialize;
use shared::App;
use shared::email::Email;
use shared::http::{Fields, Json, Permitted, Problem, Tagged, Target};
use shared::role::UserUpdate;
use shared::user::User;
use shared::user_change::UserChange;
use utoipa::ToSchema;

use super::AdminUser;

/// What to change; fields left out stay as they are.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateUser {
    /// The new address; both addresses are notified. Requires `user:create`.
    #[schema(example = "jane@example.com")]
    email: Option<String>,
    #[schema(example = "Jane")]
    first_name: Option<String>,
    #[schema(example = "Johnson")]
    last_name: Option<String>,
    #[schema(example = "manager")]
    role: Option<String>,
    is_active: Option<bool>,
}

impl UpdateUser {
    /// What is asked of `user`.
    async fn check(self, app: &App, user: &User) -> Result<UserChange, Problem> {
        let mut fields = Fields::default();
        let email = fields.take_optional("email", self.email.as_deref(), Email::parse);
        let first_name = fields.take_name("first_name", self.first_name.as_deref(), &user.first_name);
        let last_name = fields.take_name("last_name", self.last_name.as_deref(), &user.last_name);
        let role = fields.take_role(&app.store, &user.tenant, self.role.as_deref()).await?;
        let ((email, role), (first_name, last_name)) =
            fields.all(email.zip(role).zip(first_name.zip(last_name)))?;
        let is_active = self.is_active;
        Ok(UserChange { email, first_name, last_name, role, is_active, ..UserChange::default() })
    }
}

/// Change a user
#[utoipa::path(
    put,
    path = "/api/v1/admin/users/{user_id}",
    tag = "admin",
    params(
        ("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that came with the account")
    ),
    security(("access_token" = [])),
    request_body = UpdateUser,
    responses((
        status = 200,
        description = "The updated account",
        body = AdminUser,
        headers(("ETag" = String, description = "The version of the account, for `If-Match`"))
    ))
)]
pub(crate) async fn update_user(
    State(app): State<App>,
    caller: Permitted<UserUpdate>,
    target: Target,
    Json(form): Json<UpdateUser>,
) -> Result<Tagged<AdminUser>, Problem> {
    let user = caller.find(&app, &target.id).await?;
    let change = form.check(&app, &user).await?;
    let user = caller.update(&app, user, (change, &target.if_match)).await?;
    Ok(Tagged(user.version, user.into()))
}
