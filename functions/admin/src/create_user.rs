//! `POST /admin/users`: an administrator makes an account, which is verified and approved from the start.
//!
//! Nobody makes an account of a role that is not below their own.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::email::Email;
use shared::http::{Fields, Json, Permitted, Problem};
use shared::id::{TenantId, UserId};
use shared::name::PersonName;
use shared::password::{Password, Policy};
use shared::registration::NewAccount;
use shared::role::{KnownRole, Role, UserCreate};
use shared::secret::Secret;
use utoipa::ToSchema;

/// The account to create.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateUser {
    #[schema(example = "newuser@example.com")]
    email: String,
    #[schema(value_type = String, format = Password, example = "TempPass123!")]
    password: Secret,
    #[schema(example = "Jane")]
    first_name: String,
    #[schema(example = "Smith")]
    last_name: String,
    /// Default `user`.
    #[schema(example = "user")]
    role: Option<String>,
}

/// The account.
#[derive(Serialize, ToSchema)]
pub(crate) struct Created {
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    message: &'static str,
}

impl CreateUser {
    async fn check(self, app: &App, tenant: &TenantId) -> Result<NewAccount, Problem> {
        let mut fields = Fields::default();
        let email = fields.take("email", Email::parse(&self.email));
        let first_name = fields.take("first_name", PersonName::parse(&self.first_name));
        let last_name = fields.take("last_name", PersonName::parse(&self.last_name));
        let role = fields.take_role(&app.store, tenant, self.role.as_deref()).await?;
        let person = [self.email.as_str(), &self.first_name, &self.last_name];
        let password =
            fields.take_password("password", Password::chosen(&self.password, Policy::WithSpecial, &person));
        let (((email, password), role), (first_name, last_name)) =
            fields.all(email.zip(password).zip(role).zip(first_name.zip(last_name)))?;
        Ok(NewAccount {
            email,
            username: None,
            first_name: first_name.into(),
            last_name: last_name.into(),
            role: role.unwrap_or(KnownRole::BuiltIn(Role::User)),
            password,
            must_change_password: false,
        })
    }
}

/// Create a user
#[utoipa::path(
    post,
    path = "/api/v1/admin/users",
    tag = "admin",
    security(("access_token" = [])),
    request_body = CreateUser,
    responses((status = 201, description = "The account", body = Created))
)]
pub(crate) async fn create_user(
    State(app): State<App>,
    caller: Permitted<UserCreate>,
    Json(form): Json<CreateUser>,
) -> Result<(StatusCode, Json<Created>), Problem> {
    let user = caller.create(&app, form.check(&app, &caller.user.tenant).await?).await?;
    let message = "User created successfully";
    Ok((StatusCode::CREATED, Json(Created { user_id: user.id, email: user.email, message })))
}
