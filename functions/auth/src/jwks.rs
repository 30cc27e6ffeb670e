//! `GET /.well-known/jwks.json`: the public keys that check our access tokens and the checkpoints of the audit trail
//! (RFC 7517).
//!
//! Where tokens are signed with a shared secret, the keys are for checkpoints alone: no token of theirs is taken.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use shared::App;
use shared::http::{Json, Problem};
use shared::keys::PublicKey;
use utoipa::ToSchema;

/// A JSON Web Key Set.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

/// A JSON Web Key: a point on P-256 that checks ES256 signatures.
#[derive(Serialize, ToSchema)]
struct Key {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    intent: &'static str,
    kid: String,
    x: String,
    y: String,
}

impl From<PublicKey> for Key {
    fn from(PublicKey { kid, x, y }: PublicKey) -> Self {
        Self { kty: "EC", crv: "P-256", alg: "ES256", intent: "sig", kid, x, y }
    }
}

/// The keys that check access tokens and checkpoints
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "auth",
    responses((status = 200, description = "The public keys", body = KeySet))
)]
pub(crate) async fn jwks(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    let keys = app.keys.public_keys().await?.into_iter().map(Key::from).collect();
    // The key stays for good; only before it was made is the set another.
    Ok(([(header::CACHE_CONTROL, "public, max-age=900")], Json(KeySet { keys })))
}
