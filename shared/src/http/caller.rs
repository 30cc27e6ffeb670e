//! Who calls. A handler's signature says who may call it:
//!
//! | extractor | lets in |
//! |---|---|
//! | [`SignedIn`] | whoever holds a good token of a working account, be the address proven or not |
//! | [`Verified`] | of these, accounts whose address is proven, even while they must change their password |
//! | [`Permitted<P>`] | of these, accounts that need not change it and hold the permission `P` |
//!
//! The account and its session are read at each request, in one call: what changed them takes effect at once.

use std::convert::Infallible;
use std::marker::PhantomData;

use ::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};

use super::family::Family;
use super::problem::Problem;
use super::request::Requester;
use crate::app::App;
use crate::event::Origin;
use crate::keys::InvalidToken;
use crate::role::Permission;
use crate::session::Session;
use crate::user::User;

/// Somebody with a good access token.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who it is.
    pub user: User,
    /// In which session.
    pub session: Session,
    /// From where.
    pub origin: Origin,
}

/// Somebody whose address is proven.
#[derive(Clone, Debug)]
pub struct Verified(pub SignedIn);

/// Somebody who holds the permission `P`.
#[derive(Clone, Debug)]
pub struct Permitted<P> {
    /// Who it is.
    pub user: User,
    /// From where.
    pub origin: Origin,
    permission: PhantomData<P>,
}

/// The token in `Authorization: Bearer`, if there is one.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ')).then_some(token)
}

/// There is no token. The clients of `/api/users` know this as a 403, all others as a 401.
fn no_token(path: &str) -> Problem {
    let status = match Family::of(path) {
        Family::Accounts => StatusCode::FORBIDDEN,
        Family::Standard => StatusCode::UNAUTHORIZED,
    };
    let message = "Sign in and send the access token as `Authorization: Bearer <token>`";
    Problem::new(status, "AUTHENTICATION_REQUIRED", message)
}

impl From<InvalidToken> for Problem {
    fn from(invalid: InvalidToken) -> Self {
        match invalid {
            InvalidToken::Expired => {
                Self::unauthenticated("TOKEN_EXPIRED", "The token has expired; refresh it")
            }
            InvalidToken::Forged => {
                Self::unauthenticated("INVALID_TOKEN", "The token is not valid; sign in again")
            }
        }
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer_token(&parts.headers).ok_or_else(|| no_token(parts.uri.path()))?;
        let claims = app.keys.check_access(&app.config.public_url, token).await??;
        let (user, session) = app.store.caller(claims.user_id(), claims.session_id()).await?;
        let (Some(user), Some(session)) = (user, session) else { return Err(Problem::session_over()) };
        if session.is_over(&user, app.now()) {
            return Err(Problem::session_over());
        }
        if !user.is_active() {
            return Err(Problem::unauthenticated("ACCOUNT_INACTIVE", "This account is switched off"));
        }
        if let Some(requester) = parts.extensions.get::<Requester>() {
            requester.note(user.id);
        }
        let Ok(origin) = Origin::from_request_parts(parts, app).await;
        Ok(Self { user, session, origin })
    }
}

impl FromRequestParts<App> for Verified {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let signed_in = SignedIn::from_request_parts(parts, app).await?;
        if signed_in.user.is_verified() {
            return Ok(Self(signed_in));
        }
        Err(Problem::forbidden("EMAIL_NOT_VERIFIED", "Follow the link in the verification mail first"))
    }
}

impl<P: Permission> FromRequestParts<App> for Permitted<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Verified(SignedIn { user, origin, .. }) = Verified::from_request_parts(parts, app).await?;
        if user.must_change_password {
            let message = "Change the temporary password first, with POST /api/v1/auth/change-password";
            return Err(Problem::forbidden("PASSWORD_CHANGE_REQUIRED", message));
        }
        if user.may(P::NAME) {
            return Ok(Self { user, origin, permission: PhantomData });
        }
        if user.role.may(P::NAME) {
            return Err(Problem::forbidden(
                "APPROVAL_REQUIRED",
                "An administrator has to approve this account first",
            ));
        }
        let message = format!("This needs the permission {}", P::NAME);
        Err(Problem::forbidden("INSUFFICIENT_PERMISSIONS", message))
    }
}

/// Who may, or nobody: a token that is not good enough counts as none.
impl<P: Permission> OptionalFromRequestParts<App> for Permitted<P> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Infallible> {
        Ok(<Self as FromRequestParts<App>>::from_request_parts(parts, app).await.ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(value: &'static str) -> Option<String> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        bearer_token(&headers).map(ToOwned::to_owned)
    }

    #[test]
    fn only_a_bearer_token_is_one() {
        assert_eq!(token("bearer abc"), Some("abc".to_owned()));
        for value in ["abc", "Basic abc", "Bearer", "Bearer ", "Bearer a b"] {
            assert_eq!(token(value), None, "{value}");
        }
    }
}
