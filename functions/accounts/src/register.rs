//! `POST /api/users/register`: a person gets an account.
//!
//! There is a single `name`, and a password needs no special character. The account is the same as any other:
//! not verified, a verification mail under way.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::email::Email;
use shared::event::Origin;
use shared::http::{Fields, Json, Problem};
use shared::name::FullName;
use shared::password::{Password, Policy};
use shared::registration::Applicant;
use shared::secret::Secret;
use utoipa::ToSchema;

use super::Account;

/// The account to register.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RegisterAccount {
    /// 1 to 100 characters.
    #[schema(example = "John Doe")]
    name: String,
    #[schema(example = "john@example.com")]
    email: String,
    /// 8 to 128 characters with an upper-case and a lower-case letter and a digit.
    #[schema(value_type = String, format = Password, example = "SecurePass123")]
    password: Secret,
}

/// The account.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountRegistered {
    success: bool,
    message: &'static str,
    data: Account,
}

impl RegisterAccount {
    fn check(self) -> Result<Applicant, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("name", FullName::parse(&self.name));
        let email = fields.take("email", Email::parse(&self.email));
        let person = [self.email.as_str(), &self.name];
        let password = Password::chosen(&self.password, Policy::WithoutSpecial, &person);
        let password = fields.take_password("password", password);
        let ((name, email), password) = fields.all(name.zip(email).zip(password))?;
        Ok(Applicant { email, first_name: name.first, last_name: name.last, password })
    }
}

/// Register
#[utoipa::path(
    post,
    path = "/api/users/register",
    operation_id = "register_account",
    tag = "accounts",
    request_body = RegisterAccount,
    responses(
        (status = 201, description = "The account", body = AccountRegistered),
        (status = 409, description = "The address already has an account")
    )
)]
pub(crate) async fn register(
    State(app): State<App>,
    origin: Origin,
    Json(form): Json<RegisterAccount>,
) -> Result<(StatusCode, Json<AccountRegistered>), Problem> {
    let registered = app
        .register(form.check()?, &origin)
        .await?
        .ok_or_else(|| Problem::email_exists(StatusCode::CONFLICT))?;
    let message = "User registered successfully";
    let answer = AccountRegistered { success: true, message, data: registered.user.into() };
    Ok((StatusCode::CREATED, Json(answer)))
}
