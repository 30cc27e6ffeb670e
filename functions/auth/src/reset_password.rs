//! `POST /auth/reset-password`: the token from a mail sets a new password.
//!
//! All sessions end, a lock is lifted, and no other mailed token is good any more. An account that is switched
//! off stays as it is.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::event::details::{NewPassword, PasswordProof};
use shared::event::{Event, EventType, Notice, Origin};
use shared::http::{Fields, Json, Problem};
use shared::password::{Password, Policy};
use shared::secret::Secret;
use shared::store::TokenSpent;
use shared::token::Purpose;
use shared::user::User;
use utoipa::ToSchema;

/// The token from the mail, and the new password.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ResetPassword {
    #[schema(value_type = String, example = "rst_abc123def456")]
    token: Secret,
    #[schema(value_type = String, format = Password, example = "NewSecurePass123!")]
    new_password: Secret,
}

/// The password is set.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasswordSet {
    message: &'static str,
}

/// Set a new password with a mailed token
#[utoipa::path(
    post,
    path = "/api/v1/auth/reset-password",
    tag = "auth",
    request_body = ResetPassword,
    responses((status = 200, description = "The password is set; all sessions have ended", body = PasswordSet))
)]
pub(crate) async fn reset_password(
    State(app): State<App>,
    origin: Origin,
    Json(form): Json<ResetPassword>,
) -> Result<Json<PasswordSet>, Problem> {
    let token = app.keys.open_mail_token(Purpose::ResetPassword, form.token.expose()).await?;
    let token = token.ok_or_else(Problem::bad_mail_token)?;
    let user =
        app.store.user(token.user_id).await?.filter(User::is_active).ok_or_else(Problem::bad_mail_token)?;
    let mut fields = Fields::default();
    let chosen = Password::chosen(&form.new_password, Policy::WithSpecial, &user.personal_words());
    let password = fields.take_password("new_password", chosen);
    let hash = app.passwords.hash(fields.all(password)?).await?;
    let event = Event::new(EventType::UserPasswordChanged, &origin, app.now())
        .by_themselves(&user)
        .telling(NewPassword { by: PasswordProof::Reset })
        .mail(Notice::PasswordChanged);
    if app.store.reset_password(&user, (token, &hash), &event).await? == TokenSpent::NotGood {
        return Err(Problem::bad_mail_token());
    }
    Ok(Json(PasswordSet { message: "Password reset successfully" }))
}
