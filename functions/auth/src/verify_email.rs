//! `POST /auth/verify-email`: the token from a mail proves the address.
//!
//! A token works once, for a day, and only while no newer one was asked for.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::clock::Timestamp;
use shared::event::{Event, EventType, Origin};
use shared::http::{Json, Problem};
use shared::id::UserId;
use shared::store::TokenSpent;
use shared::token::Purpose;
use shared::user::User;
use utoipa::ToSchema;

/// The token from the mail.
#[derive(Deserialize, ToSchema)]
pub(crate) struct VerifyEmail {
    #[schema(example = "ver_abc123def456")]
    token: String,
}

/// The address is proven.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verified {
    message: &'static str,
    #[schema(value_type = String, format = DateTime)]
    verified_at: Timestamp,
    /// Whether an administrator has yet to let the account in.
    approval_required: bool,
    user_id: UserId,
}

/// Verify an e-mail address
#[utoipa::path(
    post,
    path = "/api/v1/auth/verify-email",
    tag = "auth",
    request_body = VerifyEmail,
    responses((status = 200, description = "The address is proven", body = Verified))
)]
pub(crate) async fn verify_email(
    State(app): State<App>,
    origin: Origin,
    Json(form): Json<VerifyEmail>,
) -> Result<Json<Verified>, Problem> {
    let token = app
        .keys
        .open_mail_token(Purpose::VerifyEmail, &form.token)
        .await?
        .ok_or_else(Problem::bad_mail_token)?;
    let user = app.store.user(token.user_id).await?.ok_or_else(Problem::bad_mail_token)?;
    let now = app.now();
    let verified = User { verified_at: Some(now), ..user.clone() };
    let event = Event::new(EventType::UserVerified, &origin, now)
        .by_themselves(&user)
        .counting(Some(&user), Some(&verified));
    if app.store.verify_email(&user, token, &event).await? == TokenSpent::NotGood {
        return Err(Problem::bad_mail_token());
    }
    Ok(Json(Verified {
        message: "Email verified successfully",
        verified_at: now,
        approval_required: !user.is_approved(),
        user_id: user.id,
    }))
}
