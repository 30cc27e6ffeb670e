//! `POST /auth/resend-verification`: another verification mail, if there is somebody to verify.
//!
//! The answer and the calls are the same whether the address has an account or not. For five minutes the link of a
//! mail stays and no other goes out, however often one is asked for; then a newer one replaces it.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::event::{Event, EventType, Notice, Origin};
use shared::http::{Fields, Json, Problem};
use shared::token::{PendingToken, Purpose};
use utoipa::ToSchema;

/// The address to verify.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ResendVerification {
    #[schema(example = "user@example.com")]
    email: String,
}

/// The same answer for every address.
#[derive(Serialize, ToSchema)]
pub(crate) struct Resent {
    message: &'static str,
    #[schema(value_type = String)]
    email: Email,
    #[schema(value_type = String, format = DateTime)]
    resent_at: Timestamp,
}

/// Resend the verification mail
#[utoipa::path(
    post,
    path = "/api/v1/auth/resend-verification",
    tag = "auth",
    request_body = ResendVerification,
    responses((status = 200, description = "A mail is sent if the address needs one", body = Resent))
)]
pub(crate) async fn resend_verification(
    State(app): State<App>,
    origin: Origin,
    Json(form): Json<ResendVerification>,
) -> Result<Json<Resent>, Problem> {
    let mut fields = Fields::default();
    let email = fields.take("email", Email::parse(&form.email));
    let email = fields.all(email)?;
    let credential = app.store.credential(&email).await?;
    let now = app.now();
    let token = PendingToken::asked_for(Purpose::VerifyEmail, credential.verification, now);
    let mut event = Event::new(EventType::UserVerificationRequested, &origin, now).to_account(&credential);
    if let Some(PendingToken { nonce, .. }) = token {
        event = event.mail(Notice::Verification { nonce });
    }
    app.store.issue_token((&email, &credential), (Purpose::VerifyEmail, token), &event).await?;
    let message = "If the email exists in our system, a verification email has been sent.";
    Ok(Json(Resent { message, email, resent_at: now }))
}
