//! `POST /auth/change-password`: who knows the password sets a new one.
//!
//! All sessions end, the caller's too, whose old token is refused from then on: the answer carries the tokens
//! of a new one. Wrong guesses count like those of a login, so that a stolen token is no way to guess.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::event::details::{NewPassword, PasswordProof};
use shared::event::{Event, EventType, Notice};
use shared::http::{Fields, Json, Problem, SignedIn, Verified, fresh_proof};
use shared::password::{Password, Policy};
use shared::secret::Secret;
use shared::session::Session;
use shared::user::User;
use utoipa::ToSchema;

/// The current and the new password.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangePassword {
    #[schema(value_type = String, format = Password, example = "CurrentPass123!")]
    current_password: Secret,
    #[schema(value_type = String, format = Password, example = "NewSecurePass123!")]
    new_password: Secret,
}

/// The password is changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasswordChanged {
    message: &'static str,
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    /// The lifetime of the access token, in seconds.
    expires_in: i64,
}

/// The password was changed by somebody else this moment.
fn changed_meanwhile() -> Problem {
    Problem::conflict("PASSWORD_CHANGED", "The password was changed in the meantime; sign in again")
}

/// Change the password
#[utoipa::path(
    post,
    path = "/api/v1/auth/change-password",
    tag = "auth",
    security(("access_token" = [])),
    request_body = ChangePassword,
    responses((
        status = 200,
        description = "The password is changed; all earlier sessions have ended",
        body = PasswordChanged
    ))
)]
pub(crate) async fn change_password(
    State(app): State<App>,
    Verified(SignedIn { user, session, origin, .. }): Verified,
    Json(form): Json<ChangePassword>,
) -> Result<Json<PasswordChanged>, Problem> {
    let password = form.check(&user)?;
    let seen = fresh_proof(&app, (&user, &origin), &form.current_password).await?;
    let hash = app.passwords.hash(password).await?;
    let now = app.now();
    // The session that the same write opens is of the generation that it begins.
    let renewed = User { generation: user.generation + 1, must_change_password: false, ..user.clone() };
    let opened = Session::open(&renewed, origin.device.clone(), app.config.refresh_token_days, now);
    // It ends when the caller's would have: knowing the password is not signing in.
    let renewed_session = Session { expires_at: session.expires_at, ..opened };
    let event = Event::new(EventType::UserPasswordChanged, &origin, now)
        .by_themselves(&user)
        .telling(NewPassword { by: PasswordProof::Change })
        .mail(Notice::PasswordChanged);
    if !app.store.change_password((&user, &seen), (&hash, &renewed_session), &event).await? {
        return Err(changed_meanwhile());
    }
    let tokens = app.tokens(&renewed, &renewed_session).await?;
    Ok(Json(PasswordChanged {
        message: "Password changed successfully",
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token,
        token_type: "bearer",
        expires_in: tokens.expires_in,
    }))
}

impl ChangePassword {
    fn check(&self, user: &User) -> Result<Password, Problem> {
        let mut fields = Fields::default();
        let chosen = Password::chosen(&self.new_password, Policy::WithSpecial, &user.personal_words());
        let password = fields.take_password("new_password", chosen);
        if self.new_password == self.current_password {
            fields.note("new_password", "must differ from the current password");
        }
        fields.all(password)
    }
}
