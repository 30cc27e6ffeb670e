//! `POST /auth/password-reset`: a mail with a link that sets a new password, if there is an account.
//!
//! The answer and the calls are the same whether the address has an account or not. For five minutes the link of a
//! mail stays and no other goes out, however often one is asked for; then a newer one replaces it. An invitation is
//! mailed again, and lives on.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::email::Email;
use shared::event::{Event, EventType, Notice, Origin};
use shared::http::{Fields, Json, Problem};
use shared::token::{PendingToken, Purpose};
use utoipa::ToSchema;

/// The address of the account.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PasswordReset {
    #[schema(example = "user@example.com")]
    email: String,
}

/// The same answer for every address.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResetRequested {
    message: &'static str,
    #[schema(value_type = String)]
    email: Email,
    reset_token_sent: bool,
}

/// Request a password reset
#[utoipa::path(
    post,
    path = "/api/v1/auth/password-reset",
    tag = "auth",
    request_body = PasswordReset,
    responses((
        status = 200,
        description = "A mail is sent if the address has an account",
        body = ResetRequested
    ))
)]
pub(crate) async fn password_reset(
    State(app): State<App>,
    origin: Origin,
    Json(form): Json<PasswordReset>,
) -> Result<Json<ResetRequested>, Problem> {
    let mut fields = Fields::default();
    let email = fields.take("email", Email::parse(&form.email));
    let email = fields.all(email)?;
    let credential = app.store.credential(&email).await?;
    let now = app.now();
    let token = PendingToken::asked_for(Purpose::ResetPassword, credential.reset, now);
    let mut event = Event::new(EventType::SecurityPasswordReset, &origin, now).to_account(&credential);
    if let Some(PendingToken { nonce, .. }) = token {
        event = event.mail(Notice::PasswordReset { nonce });
    }
    app.store.issue_token((&email, &credential), (Purpose::ResetPassword, token), &event).await?;
    let message = "If the email exists in our system, a password reset link has been sent.";
    Ok(Json(ResetRequested { message, email, reset_token_sent: true }))
}
