//! `POST /users`: an administrator makes an account, which is verified and approved from the start and has a
//! temporary password unless the request says otherwise.
//!
//! A `username` with an `@` is the address, for clients that know no other field for it.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared::App;
use shared::email::Email;
use shared::http::{FieldError, Fields, Json, Permitted, Problem, Tagged};
use shared::id::TenantId;
use shared::name::{PersonName, Username};
use shared::password::{Password, Policy};
use shared::registration::NewAccount;
use shared::role::{KnownRole, Role, UserCreate};
use shared::secret::Secret;
use utoipa::ToSchema;

use super::{UserRecord, address_or_name, one_address};

/// The account to create.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewUserRecord {
    /// A user name; or, with an `@`, the address.
    #[schema(example = "john_doe")]
    username: Option<String>,
    /// May be left out where `username` is the address.
    #[schema(example = "john@example.com")]
    email: Option<String>,
    #[schema(value_type = String, format = Password, example = "SecurePass123!")]
    password: Secret,
    #[schema(example = "John")]
    first_name: Option<String>,
    #[schema(example = "Doe")]
    last_name: Option<String>,
    /// Default `user`.
    #[schema(example = "user")]
    role: Option<String>,
    /// Default true.
    must_change_password: Option<bool>,
}

impl NewUserRecord {
    async fn check(self, app: &App, tenant: &TenantId) -> Result<NewAccount, Problem> {
        if self.email.is_none() && address_or_name(self.username.as_deref()).0.is_none() {
            let missing = FieldError::new("email", "is required, here or as `username`");
            return Err(Problem::incomplete(&[missing]));
        }
        let mut fields = Fields::default();
        let names = self.names(&mut fields);
        let first_name = fields.take_optional("first_name", self.first_name.as_deref(), PersonName::parse);
        let last_name = fields.take_optional("last_name", self.last_name.as_deref(), PersonName::parse);
        let role = fields.take_role(&app.store, tenant, self.role.as_deref()).await?;
        let person = [&self.username, &self.email, &self.first_name, &self.last_name];
        let person: Vec<&str> = person.into_iter().flatten().map(String::as_str).collect();
        let password =
            fields.take_password("password", Password::chosen(&self.password, Policy::WithSpecial, &person));
        let (((email, username), password), (role, (first_name, last_name))) =
            fields.all(names.zip(password).zip(role.zip(first_name.zip(last_name))))?;
        Ok(NewAccount {
            email,
            username,
            first_name: first_name.map_or_else(String::new, String::from),
            last_name: last_name.map_or_else(String::new, String::from),
            role: role.unwrap_or(KnownRole::BuiltIn(Role::User)),
            password,
            must_change_password: self.must_change_password.unwrap_or(true),
        })
    }

    /// The address and the user name.
    fn names(&self, fields: &mut Fields) -> Option<(Email, Option<Username>)> {
        let (address, name) = address_or_name(self.username.as_deref());
        let email = fields.take_optional("email", self.email.as_deref(), Email::parse);
        let address = fields.take_optional("username", address, Email::parse);
        let username = fields.take_optional("username", name, Username::parse);
        let (email, address) = email.zip(address)?;
        one_address(fields, email, address).zip(username)
    }
}

/// Create a user
#[utoipa::path(
    post,
    path = "/api/v1/users",
    tag = "users",
    security(("access_token" = [])),
    request_body = NewUserRecord,
    responses((
        status = 201,
        description = "The account",
        body = UserRecord,
        headers(("ETag" = String, description = "The version of the account, for `If-Match`"))
    ))
)]
pub(crate) async fn create_user_record(
    State(app): State<App>,
    caller: Permitted<UserCreate>,
    Json(form): Json<NewUserRecord>,
) -> Result<(StatusCode, Tagged<UserRecord>), Problem> {
    let user = caller.create(&app, form.check(&app, &caller.user.tenant).await?).await?;
    Ok((StatusCode::CREATED, Tagged(user.version, user.into())))
}
