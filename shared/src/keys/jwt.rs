//! The tokens that a client holds: JSON Web Tokens (RFC 7519), checked as RFC 8725 asks.
//!
//! An access token is signed with ES256, so that others can check it with the published keys, or with HS256
//! where the deployer set a secret to share. A refresh token is for us alone: HS256 with a key that is
//! derived for nothing else, which also makes it the same each time it is made for the same session. The
//! algorithm is bound to the key: what a token's header says never chooses it.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ring::Keys;
use crate::clock::Timestamp;
use crate::email::Email;
use crate::fault::Fault;
use crate::id::{SessionId, TenantId, UserId};
use crate::role::Role;
use crate::session::{RefreshId, Session};
use crate::user::User;

/// Longer tokens are not looked at.
const LONGEST: usize = 8 * 1024;
/// How far in the future a token may claim to be made: clocks differ.
const LEEWAY_SECONDS: i64 = 60;
/// Who our tokens are for.
const AUDIENCE: &str = "usher";

/// What we state about the audit trail, to whoever has our public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// How far the chains went.
    Checkpoint,
    /// What an export of the trail holds.
    Export,
    /// What a day of it holds.
    ExportDay,
}

impl Statement {
    /// Its `typ`: with it and its claims it is no token, and no statement of another kind.
    fn typ(self) -> &'static str {
        match self {
            Self::Checkpoint => "audit-checkpoint+jws",
            Self::Export => "audit-export+jws",
            Self::ExportDay => "audit-export-day+jws",
        }
    }
}

/// What a token is for: its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Access,
    Refresh,
}

/// What every token of ours says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Registered {
    #[serde(rename = "type")]
    kind: Kind,
    sub: UserId,
    sid: SessionId,
    jti: String,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
}

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessClaims {
    #[serde(flatten)]
    registered: Registered,
    /// The account's address when the token was made.
    pub email: Email,
    /// The account's role when the token was made; what counts is the role that it has.
    pub role: Role,
    /// The account's tenant.
    pub tenant: TenantId,
    /// The user's id as a hyphenated UUID, for clients that know it by this name.
    #[serde(rename = "userId", default, skip_serializing_if = "Option::is_none")]
    pub user_uuid: Option<uuid::Uuid>,
}

/// What a refresh token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefreshClaims(Registered);

impl AccessClaims {
    /// Whose token it is.
    pub fn user_id(&self) -> UserId {
        self.registered.sub
    }

    /// The session that it belongs to.
    pub fn session_id(&self) -> SessionId {
        self.registered.sid
    }
}

impl RefreshClaims {
    /// Whose token it is.
    pub fn user_id(&self) -> UserId {
        self.0.sub
    }

    /// The session that it continues.
    pub fn session_id(&self) -> SessionId {
        self.0.sid
    }
}

/// An access token to be made.
pub struct Access<'a> {
    /// For whom.
    pub user: &'a User,
    /// In which session.
    pub session: &'a Session,
    /// When it is made.
    pub at: Timestamp,
    /// How long it lives.
    pub minutes: i64,
    /// Whether it names the user by `userId` as well.
    pub user_uuid: bool,
}

/// An access token.
pub struct AccessToken(String);

/// A refresh token.
pub struct RefreshToken(String);

impl AccessToken {
    /// The token as the client gets it.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl RefreshToken {
    /// The token as the client gets it.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// The token is not one of ours, not of this kind, or no longer good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidToken {
    /// It was good once.
    Expired,
    /// It never was.
    Forged,
}

impl Keys {
    /// Makes an access token.
    pub async fn sign_access(&self, issuer: &str, access: &Access<'_>) -> Result<AccessToken, Fault> {
        let (user, session, iat) = (access.user, access.session, access.at.as_second());
        let claims = AccessClaims {
            registered: Registered {
                kind: Kind::Access,
                sub: user.id,
                sid: session.id,
                jti: format!("{}.{iat}", session.refresh_id.as_str()),
                iss: issuer.to_owned(),
                aud: AUDIENCE.to_owned(),
                iat,
                // A token never outlives its session.
                exp: (iat + access.minutes * 60).min(session.expires_at),
            },
            email: user.email.clone(),
            role: user.role.clone(),
            tenant: user.tenant.clone(),
            user_uuid: access.user_uuid.then(|| user.id.uuid()),
        };
        if let Some(secret) = self.shared_secret() {
            let key = EncodingKey::from_secret(secret.expose().as_bytes());
            return encode(&Header::new(Algorithm::HS256), &claims, &key).map(AccessToken);
        }
        self.sign(Header::new(Algorithm::ES256), &claims).await.map(AccessToken)
    }

    /// `claims` as a compact JWS (RFC 7515), ES256 whatever tokens are signed with.
    pub async fn sign_statement(
        &self,
        statement: Statement,
        claims: &impl Serialize,
    ) -> Result<String, Fault> {
        let typ = Some(statement.typ().to_owned());
        self.sign(Header { typ, ..Header::new(Algorithm::ES256) }, claims).await
    }

    /// `claims` under the newest key that signs.
    async fn sign(&self, header: Header, claims: &impl Serialize) -> Result<String, Fault> {
        let keys = &self.private().await?.signing;
        // Asked after the keys are there: the very first one is made on the way.
        let now = self.now();
        let newest = keys.iter().filter(|key| key.signs_from <= now).max_by_key(|key| key.signs_from);
        let newest = newest.ok_or_else(|| Fault::broken("signing a token", "no key signs yet"))?;
        encode(&Header { kid: Some(newest.kid.clone()), ..header }, claims, &newest.key)
    }

    /// Makes the refresh token that continues `session`: the same one each time.
    pub async fn sign_refresh(&self, issuer: &str, session: &Session) -> Result<RefreshToken, Fault> {
        let claims = RefreshClaims(Registered {
            kind: Kind::Refresh,
            sub: session.user_id,
            sid: session.id,
            jti: session.refresh_id.as_str().to_owned(),
            iss: issuer.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: session.refreshed_at.as_second(),
            exp: session.expires_at,
        });
        let key = EncodingKey::from_secret(&*self.private().await?.refresh);
        encode(&Header::new(Algorithm::HS256), &claims, &key).map(RefreshToken)
    }

    /// What an access token says, if it is one and still good.
    pub async fn check_access(
        &self,
        issuer: &str,
        token: &str,
    ) -> Result<Result<AccessClaims, InvalidToken>, Fault> {
        let checked: Result<AccessClaims, _> = if let Some(secret) = self.shared_secret() {
            decode(token, &DecodingKey::from_secret(secret.expose().as_bytes()), Algorithm::HS256)
        } else {
            let Some(kid) = key_id(token) else { return Ok(Err(InvalidToken::Forged)) };
            let keys = self.public_with(&kid).await?;
            keys.find(&kid).map_or(Err(InvalidToken::Forged), |key| decode(token, key, Algorithm::ES256))
        };
        let good =
            |claims: AccessClaims| self.examine(&claims.registered, Kind::Access, issuer).map(|()| claims);
        Ok(checked.and_then(good))
    }

    /// What a refresh token says, if it is one and still good.
    pub async fn check_refresh(
        &self,
        issuer: &str,
        token: &str,
    ) -> Result<Result<(RefreshClaims, RefreshId), InvalidToken>, Fault> {
        let key = DecodingKey::from_secret(&*self.private().await?.refresh);
        let checked: Result<RefreshClaims, _> = decode(token, &key, Algorithm::HS256);
        let good = |claims: RefreshClaims| {
            self.examine(&claims.0, Kind::Refresh, issuer)?;
            let id = RefreshId::presented(&claims.0.jti);
            Ok((claims, id))
        };
        Ok(checked.and_then(good))
    }

    /// What the library leaves to us, because it takes the time from the machine.
    fn examine(&self, claims: &Registered, kind: Kind, issuer: &str) -> Result<(), InvalidToken> {
        let now = self.now().as_second();
        let ours = claims.kind == kind && claims.iss == issuer && claims.aud == AUDIENCE;
        if !ours || claims.iat > now + LEEWAY_SECONDS {
            return Err(InvalidToken::Forged);
        }
        if claims.exp <= now { Err(InvalidToken::Expired) } else { Ok(()) }
    }
}

fn encode(header: &Header, claims: &impl Serialize, key: &EncodingKey) -> Result<String, Fault> {
    jsonwebtoken::encode(header, claims, key).map_err(|error| Fault::broken("signing a token", error))
}

/// The `kid` of a token's header.
fn key_id(token: &str) -> Option<String> {
    (token.len() <= LONGEST).then(|| jsonwebtoken::decode_header(token).ok()?.kid).flatten()
}

fn decode<T: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Result<T, InvalidToken> {
    if token.len() > LONGEST {
        return Err(InvalidToken::Forged);
    }
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<T>(token, key, &validation);
    decoded.map(|token| token.claims).map_err(|_| InvalidToken::Forged)
}
