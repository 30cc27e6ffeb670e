//! `POST /auth/refresh`: a refresh token is spent for a new pair.
//!
//! A spent token that comes again means that two hold it: the session ends, with all its tokens, and the
//! account's owner is told. Only the client that spent it may repeat itself, for ten seconds (a double
//! click, an answer that got lost), and gets the same refresh token and an access token that says the same.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::event::details::{Suspicion, SuspiciousActivity};
use shared::event::{Event, EventType, Notice, Origin};
use shared::http::{Json, OptionalJson, Problem, bearer_token};
use shared::id::UserId;
use shared::session::{Reuse, Session};
use shared::store::Rotation;
use shared::user::User;
use utoipa::ToSchema;

/// The refresh token, unless it is sent in `Authorization`.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct Refresh {
    /// Takes precedence over the token in `Authorization`.
    refresh_token: Option<String>,
}

/// The new tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct Refreshed {
    message: &'static str,
    user_id: UserId,
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    /// The lifetime of the access token, in seconds.
    expires_in: i64,
}

enum Refusal {
    /// There is no token in the request.
    NoToken,
    /// It was spent before.
    Reused,
    /// The session is over, or the account switched off.
    Ended,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoToken => {
                let message =
                    "Send the refresh token as `Authorization: Bearer <token>` or as `refresh_token`";
                Self::unauthenticated("AUTHENTICATION_REQUIRED", message)
            }
            Refusal::Reused => {
                let message = "This refresh token was already used, so its session was ended; sign in again";
                Self::bad_token("TOKEN_REUSED", message)
            }
            Refusal::Ended => Self::session_over(),
        }
    }
}

/// Refresh the tokens
///
/// Send the refresh token as `Authorization: Bearer` or in the body.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    tag = "auth",
    request_body = Option<Refresh>,
    security(("refresh_token" = []), ()),
    responses((status = 200, description = "A new pair of tokens", body = Refreshed))
)]
pub(crate) async fn refresh(
    State(app): State<App>,
    origin: Origin,
    headers: HeaderMap,
    OptionalJson(form): OptionalJson<Refresh>,
) -> Result<Json<Refreshed>, Problem> {
    let token = form.refresh_token.as_deref().or_else(|| bearer_token(&headers)).ok_or(Refusal::NoToken)?;
    let (claims, presented) = app.keys.check_refresh(&app.config.public_url, token).await??;
    let of = (claims.user_id(), claims.session_id());
    let now = app.now();
    let rotation = app.store.rotate(of, &presented, (&origin.device, now));
    let (rotation, user) = tokio::try_join!(rotation, app.store.user(of.0))?;
    let user = user.filter(User::is_active).ok_or(Refusal::Ended)?;
    let (session, spent) = match rotation {
        Rotation::Rotated(session) => (session, false),
        Rotation::Spent(session) => (session, true),
        Rotation::Gone => return Err(Refusal::Ended.into()),
    };
    if session.is_over(&user, now) {
        return Err(Refusal::Ended.into());
    }
    if spent && session.judge_reuse(&presented, &origin.device, now) == Reuse::Stolen {
        return Err(revoke(&app, (&user, &session), &origin).await?.into());
    }
    let tokens = app.tokens(&user, &session).await?;
    Ok(Json(Refreshed {
        message: "Token refreshed successfully",
        user_id: user.id,
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token,
        token_type: "bearer",
        expires_in: tokens.expires_in,
    }))
}

/// Ends a session that two hold.
async fn revoke(app: &App, (user, session): (&User, &Session), origin: &Origin) -> Result<Refusal, Problem> {
    let event = Event::new(EventType::SecuritySuspiciousActivity, origin, app.now())
        .to(user)
        .telling(SuspiciousActivity { reason: Suspicion::RefreshTokenReused, session_id: session.id })
        .mail(Notice::SessionRevoked);
    app.store.end_session(session, &event).await?;
    Ok(Refusal::Reused)
}
