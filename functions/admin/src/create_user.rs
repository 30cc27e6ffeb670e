//! `POST /admin/users`: an administrator makes an account, which is verified and approved from the start.
//!
//! Nobody makes an account of a role that is not below their own.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::clock::Timestamp;
use shared::credential::Credential;
use shared::email::Email;
use shared::event::{Event, EventType};
use shared::http::{Fields, Json, Permitted, Problem};
use shared::id::UserId;
use shared::name::PersonName;
use shared::password::{Password, Policy};
use shared::role::{Role, UserCreate};
use shared::secret::Secret;
use shared::store::Registration;
use shared::user::{Decision, User};
use utoipa::ToSchema;

use super::may_grant;

/// The account to be.
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
    /// The account, made by `actor` at `now`, and its password.
    fn check(self, actor: &User, now: Timestamp) -> Result<(User, Password), Problem> {
        let mut fields = Fields::default();
        let email = fields.take("email", Email::parse(&self.email));
        let first_name = fields.take("first_name", PersonName::parse(&self.first_name));
        let last_name = fields.take("last_name", PersonName::parse(&self.last_name));
        let role = fields.take_optional("role", self.role.as_deref(), str::parse::<Role>);
        let person = [self.email.as_str(), &self.first_name, &self.last_name];
        let password =
            fields.take_password("password", Password::chosen(&self.password, Policy::WithSpecial, &person));
        let (((email, password), role), (first_name, last_name)) =
            fields.all(email.zip(password).zip(role).zip(first_name.zip(last_name)))?;
        let user = User {
            role: role.unwrap_or(Role::User),
            tenant: actor.tenant.clone(),
            verified_at: Some(now),
            approval: Some(Decision { by: actor.id, at: now }),
            ..User::registered(email, first_name.into(), last_name.into(), now)
        };
        Ok((user, password))
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
    let Permitted { user: actor, origin, .. } = caller;
    let (user, password) = form.check(&actor, app.now())?;
    may_grant(&actor, user.role)?;
    let hash = app.passwords.hash(password).await?;
    let event = Event::new(EventType::AdminUserCreated, &origin, user.created_at)
        .by(actor.id)
        .to(&user)
        .counting(None, Some(&user))
        .with("role", user.role.name());
    let credential = Credential::new(user.id, hash);
    if app.store.register(&user, &credential, &event).await? != Registration::Added {
        return Err(Problem::email_exists(StatusCode::CONFLICT));
    }
    let message = "User created successfully";
    Ok((StatusCode::CREATED, Json(Created { user_id: user.id, email: user.email, message })))
}
