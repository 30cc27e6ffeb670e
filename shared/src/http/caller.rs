//! Who calls. A handler's signature says who may call it:
//!
//! | extractor | lets in |
//! |---|---|
//! | [`SignedIn`] | whoever holds a good token of a working account, be the address proven or not |
//! | [`Verified`] | of these, accounts whose address is proven, even while they must change their password |
//! | [`Permitted<P>`] | of these, accounts that need not change it and hold the permission `P` |
//! | [`Counting<P>`] | the same, and brings the counters of their tenant |
//!
//! The account, its session and its role are read at each request, in one call: what changed them takes effect
//! at once.

use std::convert::Infallible;
use std::marker::PhantomData;

use ::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use serde_json::json;

use super::family::Family;
use super::problem::Problem;
use super::request::Requester;
use crate::app::App;
use crate::event::Origin;
use crate::keys::InvalidToken;
use crate::role::{Permission, Rights};
use crate::session::Session;
use crate::store::{Caller, Named};
use crate::tally::Tally;
use crate::user::User;

/// Somebody with a good access token.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who it is.
    pub user: User,
    /// In which session.
    pub session: Session,
    /// What they may do.
    pub rights: Rights,
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
    /// What they may do.
    pub rights: Rights,
    /// In which session.
    pub session: Session,
    /// From where.
    pub origin: Origin,
    permission: PhantomData<P>,
}

/// Somebody who holds the permission `P`, and how many accounts their tenant has.
#[derive(Clone, Debug)]
pub struct Counting<P> {
    /// Who it is.
    pub caller: Permitted<P>,
    /// The counters of their tenant's accounts; they follow a change within a moment.
    pub users: Tally,
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
            InvalidToken::Expired => Self::bad_token("TOKEN_EXPIRED", "The token has expired; refresh it"),
            InvalidToken::Forged => Self::bad_token("INVALID_TOKEN", "The token is not valid; sign in again"),
        }
    }
}

/// Whoever sends a good token, and the counters of their tenant if they are asked for.
async fn read(parts: &mut Parts, app: &App, with_counters: bool) -> Result<(SignedIn, Tally), Problem> {
    let token = bearer_token(&parts.headers).ok_or_else(|| no_token(parts.uri.path()))?;
    let claims = app.keys.check_access(&app.config.public_url, token).await??;
    let (user, session) = (claims.user_id(), claims.session_id());
    let named = Named { user, session, tenant: &claims.tenant, role: &claims.role };
    let caller = app.store.caller(&named, with_counters).await?.ok_or_else(Problem::session_over)?;
    let Caller { user, session, role, users } = caller;
    if session.is_over(&user, app.now()) {
        return Err(Problem::session_over());
    }
    if !user.is_active() {
        return Err(Problem::unauthenticated("ACCOUNT_INACTIVE", "This account is deactivated"));
    }
    let rights = Rights::of(&user, role.as_ref());
    let Ok(origin) = Origin::from_request_parts(parts, app).await;
    let origin = origin.of(&user);
    if let Some(requester) = parts.extensions.get::<Requester>() {
        requester.note(&user, &origin);
    }
    Ok((SignedIn { user, session, rights, origin }, users))
}

impl SignedIn {
    /// The same, if their address is proven.
    fn verified(self) -> Result<Verified, Problem> {
        if self.user.is_verified() {
            return Ok(Verified(self));
        }
        Err(Problem::forbidden("EMAIL_NOT_VERIFIED", "Follow the link in the verification mail first"))
    }
}

impl Verified {
    /// The same, if they hold the permission `P` and nothing keeps them from using it.
    fn permitted<P: Permission>(self) -> Result<Permitted<P>, Problem> {
        let SignedIn { user, rights, session, origin } = self.0;
        if user.must_change_password {
            let message = "Change the temporary password first, with POST /api/v1/auth/change-password";
            return Err(Problem::forbidden("PASSWORD_CHANGE_REQUIRED", message));
        }
        Permitted { user, rights, session, origin, permission: PhantomData::<P> }.also()
    }
}

impl<P> Permitted<P> {
    /// The same, if they hold the permission `Q` as well.
    pub fn also<Q: Permission>(self) -> Result<Permitted<Q>, Problem> {
        let Self { user, rights, session, origin, .. } = self;
        if rights.may(Q::NAME) {
            return Ok(Permitted { user, rights, session, origin, permission: PhantomData });
        }
        if rights.holds(Q::NAME) {
            let message = "An administrator must approve this account first";
            return Err(Problem::forbidden("APPROVAL_REQUIRED", message));
        }
        let message = format!("Permission {} is required", Q::NAME);
        let problem = Problem::forbidden("INSUFFICIENT_PERMISSIONS", message);
        Err(problem.detail(json!({ "permission": Q::NAME })))
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        read(parts, app, false).await.map(|(signed_in, _)| signed_in)
    }
}

impl FromRequestParts<App> for Verified {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        SignedIn::from_request_parts(parts, app).await?.verified()
    }
}

impl<P: Permission> FromRequestParts<App> for Permitted<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Verified::from_request_parts(parts, app).await?.permitted()
    }
}

impl<P: Permission> FromRequestParts<App> for Counting<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (signed_in, users) = read(parts, app, true).await?;
        Ok(Self { caller: signed_in.verified()?.permitted()?, users })
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
