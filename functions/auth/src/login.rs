//! `POST /auth/login`: an e-mail address and a password open a session.
//!
//! An unknown address, a wrong password and a locked address are answered alike, in the same time and with
//! the same calls, so that a caller cannot learn who has an account.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::app::Tokens;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::event::Origin;
use shared::http::{FieldError, Fields, Json, Problem};
use shared::id::UserId;
use shared::password::Password;
use shared::role::Role;
use shared::secret::Secret;
use shared::sign_in::{Attempt, Opened, Refusal, Unverified};
use utoipa::ToSchema;

/// The credentials: `email` and `username` both mean the address.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Login {
    #[schema(example = "user@example.com")]
    email: Option<String>,
    /// Alias of `email`.
    username: Option<String>,
    #[schema(value_type = String, format = Password, example = "SecurePass123!")]
    password: Secret,
    /// Stay signed in for 30 days, if sessions otherwise live for less.
    remember_me: Option<bool>,
}

impl Login {
    fn check(self) -> Result<Attempt, Problem> {
        let email = self.email.or(self.username);
        let email = email.ok_or_else(|| Problem::incomplete(&[FieldError::new("email", "is missing")]))?;
        let mut fields = Fields::default();
        let email = fields.take("email", Email::parse(&email));
        let password = Password::presented(&self.password).ok_or("must be 1 to 128 characters");
        let password = fields.take("password", password);
        let (email, password) = fields.all(email.zip(password))?;
        let remember = self.remember_me.unwrap_or_default();
        Ok(Attempt { email, password, remember, unverified: Unverified::IsRefused })
    }
}

/// The account and its tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoggedIn {
    message: &'static str,
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    first_name: String,
    last_name: String,
    #[schema(value_type = String, example = "user")]
    role: Role,
    is_verified: bool,
    is_approved: bool,
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    /// The lifetime of the access token, in seconds.
    expires_in: i64,
    #[schema(value_type = String, format = DateTime)]
    last_login_at: Timestamp,
    user: UserSummary,
}

/// The account in brief.
#[derive(Serialize, ToSchema)]
struct UserSummary {
    id: UserId,
    #[schema(value_type = String)]
    username: Email,
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    must_change_password: bool,
}

impl LoggedIn {
    fn new(user: &shared::user::User, tokens: Tokens, at: Timestamp) -> Self {
        Self {
            message: "Login successful",
            user_id: user.id,
            email: user.email.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            role: user.role.clone(),
            is_verified: user.is_verified(),
            is_approved: user.is_approved(),
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            token_type: "bearer",
            expires_in: tokens.expires_in,
            last_login_at: at,
            user: UserSummary {
                id: user.id,
                username: user.email.clone(),
                roles: vec![user.role.clone()],
                must_change_password: user.must_change_password,
            },
        }
    }
}

/// The status table: whoever does not know the password hears `INVALID_CREDENTIALS` and nothing else.
fn refuse(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::WrongCredentials => {
            Problem::unauthenticated("INVALID_CREDENTIALS", "Invalid email or password")
        }
        Refusal::Inactive => Problem::unauthenticated("ACCOUNT_INACTIVE", "This account is deactivated"),
        Refusal::NotVerified => {
            let message = "Follow the link in the verification mail first, or request a new one";
            Problem::unauthenticated("EMAIL_NOT_VERIFIED", message)
        }
    }
}

/// Sign in
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    tag = "auth",
    request_body = Login,
    responses(
        (status = 200, description = "The account and its tokens", body = LoggedIn),
        (status = 401, description = "The address or the password is wrong, or the account may not sign in")
    )
)]
pub(crate) async fn login(
    State(app): State<App>,
    origin: Origin,
    Json(form): Json<Login>,
) -> Result<Json<LoggedIn>, Problem> {
    let Opened { user, session } = app.sign_in(form.check()?, &origin).await?.map_err(refuse)?;
    let tokens = app.tokens(&user, &session).await?;
    Ok(Json(LoggedIn::new(&user, tokens, session.created_at)))
}
