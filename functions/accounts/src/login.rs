//! `POST /api/users/login`: an e-mail address and a password give a token that lives for a day.
//!
//! It works at once after registration: until the address is proven, the token opens `/api/users/me` and
//! nothing else. A missing field is a 400 here, not a 422.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::email::Email;
use shared::event::Origin;
use shared::http::{Fields, Json, Problem};
use shared::keys::Access;
use shared::password::Password;
use shared::secret::Secret;
use shared::sign_in::{Attempt, Opened, Refusal, Unverified};
use utoipa::ToSchema;

use super::Account;

/// How long a token lives: a day.
const TOKEN_MINUTES: i64 = 24 * 60;

/// The credentials. Both fields are required.
#[derive(Deserialize, ToSchema)]
pub(crate) struct LoginAccount {
    #[schema(example = "john@example.com")]
    email: Option<String>,
    #[schema(value_type = Option<String>, format = Password, example = "SecurePass123")]
    password: Option<Secret>,
}

/// The account and its token.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountLoggedIn {
    success: bool,
    message: &'static str,
    data: TokenAndAccount,
}

/// The token and its account.
#[derive(Serialize, ToSchema)]
struct TokenAndAccount {
    token: String,
    user: Account,
}

impl LoginAccount {
    fn check(self) -> Result<Attempt, Problem> {
        let mut fields = Fields::default();
        let email = match self.email {
            Some(text) => fields.take("email", Email::parse(&text)),
            None => fields.take("email", Err("is missing")),
        };
        let password = match self.password {
            Some(secret) => Password::presented(&secret).ok_or("must be 1 to 128 characters"),
            None => Err("is missing"),
        };
        let password = fields.take("password", password);
        let (email, password) = fields.all(email.zip(password))?;
        Ok(Attempt { email, password, remember: false, unverified: Unverified::GetsIn })
    }
}

fn refuse(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Inactive => Problem::unauthenticated("ACCOUNT_INACTIVE", "This account is deactivated"),
        Refusal::WrongCredentials | Refusal::NotVerified => {
            Problem::unauthenticated("INVALID_CREDENTIALS", "Invalid email or password")
        }
    }
}

/// Sign in
#[utoipa::path(
    post,
    path = "/api/users/login",
    operation_id = "login_account",
    tag = "accounts",
    request_body = LoginAccount,
    responses(
        (status = 200, description = "The account and its token", body = AccountLoggedIn),
        (status = 401, description = "The address or the password is wrong, or the account may not sign in")
    )
)]
pub(crate) async fn login(
    State(app): State<App>,
    origin: Origin,
    Json(form): Json<LoginAccount>,
) -> Result<Json<AccountLoggedIn>, Problem> {
    let Opened { user, session } = app.sign_in(form.check()?, &origin).await?.map_err(refuse)?;
    let access = Access {
        user: &user,
        session: &session,
        at: session.created_at,
        minutes: TOKEN_MINUTES,
        user_uuid: true,
    };
    let token = app.keys.sign_access(&app.config.public_url, &access).await?.into_string();
    let data = TokenAndAccount { token, user: user.into() };
    Ok(Json(AccountLoggedIn { success: true, message: "Login successful", data }))
}
