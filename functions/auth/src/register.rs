//! `POST /auth/register`: a person gets an account.
//!
//! The account is not verified and not approved; a mail with a link is under way when the answer comes. One
//! address makes one account, however many register it at once.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::event::Origin;
use shared::http::{Fields, Json, Problem};
use shared::id::UserId;
use shared::name::PersonName;
use shared::password::{Password, Policy};
use shared::registration::Applicant;
use shared::secret::Secret;
use utoipa::ToSchema;

/// The account to register.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Register {
    #[schema(example = "user@example.com")]
    email: String,
    /// 8 to 128 characters with an upper-case and a lower-case letter, a digit and a special character.
    #[schema(value_type = String, format = Password, example = "SecurePass123!")]
    password: Secret,
    /// The password again.
    #[schema(value_type = String, format = Password, example = "SecurePass123!")]
    confirm_password: Secret,
    #[schema(example = "John")]
    first_name: String,
    #[schema(example = "Doe")]
    last_name: String,
}

/// The account.
#[derive(Serialize, ToSchema)]
pub(crate) struct Registered {
    message: &'static str,
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    verification_required: bool,
    approval_required: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The token in the mail; only where `EXPOSE_TOKENS` is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_token: Option<String>,
}

impl Register {
    fn check(self) -> Result<Applicant, Problem> {
        let mut fields = Fields::default();
        let email = fields.take("email", Email::parse(&self.email));
        let first_name = fields.take("first_name", PersonName::parse(&self.first_name));
        let last_name = fields.take("last_name", PersonName::parse(&self.last_name));
        let person = [self.email.as_str(), &self.first_name, &self.last_name];
        let password =
            fields.take_password("password", Password::chosen(&self.password, Policy::WithSpecial, &person));
        if self.password != self.confirm_password {
            fields.note("confirm_password", "Passwords do not match");
        }
        let ((email, password), (first_name, last_name)) =
            fields.all(email.zip(password).zip(first_name.zip(last_name)))?;
        Ok(Applicant { email, first_name: first_name.into(), last_name: last_name.into(), password })
    }
}

/// Register
#[utoipa::path(
    post,
    path = "/api/v1/auth/register",
    tag = "auth",
    request_body = Register,
    responses((status = 201, description = "The account; a verification mail is sent", body = Registered))
)]
pub(crate) async fn register(
    State(app): State<App>,
    origin: Origin,
    Json(form): Json<Register>,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    let applicant = form.check()?;
    let registered = app
        .register(applicant, &origin)
        .await?
        .ok_or_else(|| Problem::email_exists(StatusCode::BAD_REQUEST))?;
    let answer = Registered {
        message: "User registered successfully. Please check your email for verification.",
        user_id: registered.user.id,
        created_at: registered.user.created_at,
        email: registered.user.email,
        verification_required: true,
        approval_required: true,
        verification_token: registered.verification_token,
    };
    Ok((StatusCode::CREATED, Json(answer)))
}
