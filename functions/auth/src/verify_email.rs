//! `POST /auth/verify-email`: the token from a mail proves the address; one that was asked for in place of another is
//! the account's from then on.
//!
//! A token works once, for a day, and only while no newer one was asked for. Sessions go on when the address changes.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::clock::Timestamp;
use shared::event::{Event, EventType, Notice, Origin};
use shared::fault::Fault;
use shared::http::{IfMatch, Json, Problem};
use shared::id::UserId;
use shared::privacy::SealedEmail;
use shared::store::TokenSpent;
use shared::token::{MailToken, Purpose};
use shared::user::{Status, User};
use utoipa::ToSchema;

/// The token from the mail.
#[derive(Deserialize, ToSchema)]
pub(crate) struct VerifyEmail {
    #[schema(example = "ver_abc123def456")]
    token: String,
}

/// The address is verified.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verified {
    message: &'static str,
    #[schema(value_type = String, format = DateTime)]
    verified_at: Timestamp,
    /// Whether an administrator still has to approve the account.
    approval_required: bool,
    user_id: UserId,
}

/// Verify an e-mail address
#[utoipa::path(
    post,
    path = "/api/v1/auth/verify-email",
    tag = "auth",
    request_body = VerifyEmail,
    responses((status = 200, description = "The address is verified", body = Verified))
)]
pub(crate) async fn verify_email(
    State(app): State<App>,
    origin: Origin,
    Json(form): Json<VerifyEmail>,
) -> Result<Json<Verified>, Problem> {
    let (purpose, token) = open(&app, &form.token).await?.ok_or_else(Problem::bad_mail_token)?;
    let user = app.store.user(token.user_id).await?.ok_or_else(Problem::bad_mail_token)?;
    let now = app.now();
    if purpose == Purpose::ChangeEmail {
        change_email(&app, &user, token, (&origin, now)).await?;
    } else {
        prove(&app, &user, token, (&origin, now)).await?;
    }
    Ok(Json(Verified {
        message: "Email verified successfully",
        verified_at: now,
        approval_required: !user.is_approved(),
        user_id: user.id,
    }))
}

/// What the token says, and which of the two kinds it is.
async fn open(app: &App, text: &str) -> Result<Option<(Purpose, MailToken)>, Fault> {
    for purpose in [Purpose::VerifyEmail, Purpose::ChangeEmail] {
        if let Some(token) = app.keys.open_mail_token(purpose, text).await? {
            return Ok(Some((purpose, token)));
        }
    }
    Ok(None)
}

/// The address of the account is proven.
async fn prove(
    app: &App,
    user: &User,
    token: MailToken,
    (origin, now): (&Origin, Timestamp),
) -> Result<(), Problem> {
    if user.is_verified() || user.status == Status::Deleted {
        return Err(Problem::bad_mail_token());
    }
    let verified = User { verified_at: Some(now), ..user.clone() };
    let event =
        Event::new(EventType::UserVerified, origin, now).by_themselves(user).counting(Some(user), &verified);
    match app.store.verify_email(user, token, &event).await? {
        TokenSpent::Done => Ok(()),
        TokenSpent::NotGood => Err(Problem::bad_mail_token()),
        TokenSpent::Meanwhile => Err(Problem::changed_meanwhile()),
    }
}

/// The account has the address that was asked for, and the former one hears of it.
async fn change_email(
    app: &App,
    user: &User,
    token: MailToken,
    (origin, now): (&Origin, Timestamp),
) -> Result<(), Problem> {
    let changed = user.with_proven_email(token, now).ok_or_else(Problem::bad_mail_token)?;
    let event = Event::new(EventType::UserEmailChanged, origin, now)
        .by_themselves(user)
        .mail(Notice::EmailReplaced { former: SealedEmail::of(user) });
    IfMatch::default().settle(app.store.change((user, user), &changed, &[event]).await?)
}
