//! `Idempotency-Key`: a POST that comes again is answered as it was the first time, and not carried out again.
//!
//! The IETF draft "The Idempotency-Key HTTP Header Field", 2: 422 where the key stood for another request, 409
//! while the first one is still running. A key belongs to whoever sent it, and to one path. A refusal is kept
//! as a [`Problem`], because it is written later, in [`super::request::around`].
//!
//! What the table keeps of a request is a fingerprint, of an answer what opens only with the request itself, and
//! with the privacy key of whoever was signed in: a repetition brings both. So it dies with their account; and it is told
//! again only to who may do what they might do then.

use std::io::{self, Read as _};

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};

use super::authority::CHANGED_MEANWHILE;
use super::body;
use super::caller::SignedIn;
use super::problem::{FieldError, Problem};
use crate::app::App;
use crate::event::Origin;
use crate::fault::Fault;
use crate::id::ClaimId;
use crate::keys::SealingKey;
use crate::store::{Claim, KeyedRequest};
use crate::token::{base64url, from_base64url};

/// The header of a request that may come again.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in characters.
pub(super) const LONGEST_KEY: usize = 255;
/// The largest body that is kept, in bytes once it is compressed: sealed and encoded, it fits an item (400 KB) with
/// room to spare.
const LARGEST_BODY: usize = 200_000;

/// A request that names a key.
struct Keyed {
    request: KeyedRequest,
    /// Seals its answer.
    answers: SealingKey,
    /// What its sender may do.
    standing: String,
}

/// The POST that tells a repetition from a theft by itself. An answer that was kept for it would give the tokens away
/// once more, and hide that two hold the one that was spent.
const WITH_A_RULE_OF_ITS_OWN: &str = "/api/v1/auth/refresh";

/// Whether a POST to `path` may have a key.
pub(super) fn takes_key(path: &str) -> bool {
    path != WITH_A_RULE_OF_ITS_OWN
}

/// Carries a POST that has a key out once. Other requests pay nothing.
///
/// A process that dies leaves its claim until it ends by itself; so does a handler that panics.
pub(super) async fn once(
    State(app): State<App>,
    request: Request<Body>,
    next: Next,
) -> Result<Response, Problem> {
    let is_keyed = request.method() == Method::POST && request.headers().contains_key(&KEY);
    if !is_keyed || !takes_key(request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let key = key(&parts.headers)?;
    let Some(scope) = scope(&mut parts, &app).await? else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    // What is too large for its handler, that refuses.
    let body = Bytes::from(body::read(body, body::LARGEST_FILE).await?);
    let (path, query) = (parts.uri.path().as_bytes(), parts.uri.query().unwrap_or_default().as_bytes());
    let owner = parts.extensions.get().map_or(&[][..], |caller: &SignedIn| caller.user.privacy_key.bytes());
    let keyed = Keyed {
        request: KeyedRequest {
            scope,
            key: app.keys.fingerprint(&[path, key.as_bytes()]).await?,
            fingerprint: app.keys.fingerprint(&[query, &body]).await?,
        },
        answers: app.keys.answer_key(&[owner, path, key.as_bytes(), query, &body]).await?,
        standing: parts.extensions.get().map(standing).unwrap_or_default(),
    };
    let claim = match app.store.claim_request(&keyed.request, app.now()).await? {
        Claim::Ours(claim) => claim,
        Claim::Running => return Err(running()),
        Claim::Other => return Err(reused()),
        Claim::Answered(sealed) => return keyed.replay(&sealed),
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (response, answer) = copy(response, &keyed.standing).await?;
    let settled = match answer {
        Some(answer) => keyed.keep(&app, answer, claim).await,
        None => app.store.release_request(&keyed.request, claim).await,
    };
    if let Err(fault) = settled {
        // What was asked for is done: the client has to hear of it.
        tracing::error!(cause = fault.chain(), "an answer could not be kept");
    }
    Ok(response)
}

/// The key of a request that has one.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(&KEY).iter();
    let only = values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes);
    only.filter(|key| (1..=LONGEST_KEY).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic))
        .and_then(|key| str::from_utf8(key).ok())
        .map(str::to_owned)
        .ok_or_else(|| {
            let message = format!("must be one key of 1 to {LONGEST_KEY} visible ASCII characters");
            Problem::invalid(&[FieldError::new("Idempotency-Key", message)])
        })
}

/// Whose keys these are: the user's, or, where nobody signed in, those of the client's address, so that two
/// strangers with the key "1" do not meet. `None` where a token is no good access token: the handler refuses
/// it, or knows it as a refresh token.
async fn scope(parts: &mut Parts, app: &App) -> Result<Option<String>, Problem> {
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        let Ok(origin) = Origin::from_request_parts(parts, app).await;
        return Ok(Some(origin.device.ip_address));
    }
    match SignedIn::from_request_parts(parts, app).await {
        Ok(caller) => {
            let scope = caller.user.id.uuid().to_string();
            // The handler need not read the account and its session again.
            parts.extensions.insert(caller);
            Ok(Some(scope))
        }
        // Without knowing whose key it is, nothing may be carried out under it.
        Err(problem) if problem.status().is_server_error() => Err(problem),
        Err(_) => Ok(None),
    }
}

/// What a caller may do, and as what: an answer that was given to somebody who might do something else may be none of
/// their business any more.
fn standing(SignedIn { user, rights, .. }: &SignedIn) -> String {
    format!("{} {} {}", user.role.name(), user.must_change_password, rights.names().join(" "))
}

/// 403: whoever had the answer may do something else by now.
fn rights_changed() -> Problem {
    let message =
        "Your permissions changed since this request was processed; read the resource to see the result";
    Problem::forbidden("RIGHTS_CHANGED", message)
}

/// 409: the first request with this key is still running.
fn running() -> Problem {
    let message = "The first request with this Idempotency-Key is still running; try again in a moment";
    Problem::conflict("REQUEST_IN_PROGRESS", message).header(header::RETRY_AFTER, "1")
}

/// 422: the key stood for another request.
fn reused() -> Problem {
    let message = "This Idempotency-Key was used for another request; use a new one";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED", message)
}

/// 409: given instead of an answer that was too large to be kept.
fn not_kept() -> Problem {
    let message = "This request was already processed, but its response was too large to store";
    Problem::conflict("ANSWER_NOT_KEPT", message)
}

/// An answer without its body.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    /// What is told instead of a body, if this is a refusal.
    problem: Option<Problem>,
    /// What whoever was answered might do.
    #[serde(default)]
    standing: String,
}

impl Head {
    fn of(response: &Response, standing: &str) -> Self {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = response.headers().iter();
        Self {
            status: response.status().as_u16(),
            headers: headers.filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect(),
            problem: response.extensions().get().cloned(),
            standing: standing.to_owned(),
        }
    }

    /// The answer that begins like this.
    fn with(self, body: Vec<u8>) -> Result<Response, ::http::Error> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        if let Some(problem) = self.problem {
            response = response.extension(problem);
        }
        response.header(REPLAYED, "true").body(Body::from(body))
    }
}

/// Whether the same request, sent again, is to be answered like this. What failed, came too often, met another change or
/// lacked a good token changed nothing, and may go better the next time.
fn is_final(response: &Response) -> bool {
    let status = response.status();
    let passing = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    let met_a_change = response.extensions().get().is_some_and(|it: &Problem| it.code() == CHANGED_MEANWHILE);
    !passing && !met_a_change && !status.is_server_error()
}

/// `response`, and what to keep of it: a line that is its [`Head`], then its body, compressed.
async fn copy(response: Response, standing: &str) -> Result<(Response, Option<Vec<u8>>), Fault> {
    if !is_final(&response) {
        return Ok((response, None));
    }
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| Fault::broken("copying an answer", error))?.to_bytes();
    let response = Response::from_parts(parts, Body::from(body.clone()));
    let packed = compressed(&body).map_err(|error| Fault::broken("copying an answer", error))?;
    let (head, body) = if packed.len() > LARGEST_BODY {
        (Head::of(&not_kept().into_response(), standing), Vec::new())
    } else {
        (Head::of(&response, standing), packed)
    };
    let head = serde_json::to_vec(&head).map_err(|error| Fault::broken("copying an answer", error))?;
    Ok((response, Some([head.as_slice(), b"\n", &body].concat())))
}

/// `body` in few bytes (RFC 1951); nothing stays nothing.
fn compressed(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    if !body.is_empty() {
        DeflateEncoder::new(body, Compression::fast()).read_to_end(&mut packed)?;
    }
    Ok(packed)
}

fn decompressed(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if !packed.is_empty() {
        DeflateDecoder::new(packed).read_to_end(&mut body)?;
    }
    Ok(body)
}

impl Keyed {
    async fn keep(&self, app: &App, answer: Vec<u8>, claim: ClaimId) -> Result<(), Fault> {
        let sealed = base64url(&self.answers.seal(answer, &self.request.place())?);
        app.store.keep_answer(&self.request, &sealed, (claim, app.now())).await
    }

    /// The answer that was given before, if it may be told again.
    fn replay(&self, sealed: &str) -> Result<Response, Problem> {
        let sealed = from_base64url(sealed).unwrap_or_default();
        let answer = self.answers.open(&sealed, &self.request.place())?;
        let (head, body) = answer.split_at(answer.iter().position(|byte| *byte == b'\n').unwrap_or_default());
        let broken =
            |error: Box<dyn std::error::Error + Send + Sync>| Fault::broken("reading an answer", error);
        let head: Head = serde_json::from_slice(head).map_err(|error| broken(error.into()))?;
        if head.standing != self.standing {
            return Err(rights_changed());
        }
        let body = decompressed(body.get(1..).unwrap_or_default()).map_err(|error| broken(error.into()))?;
        Ok(head.with(body).map_err(|error| broken(error.into()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (KEY, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_key_is_one_word_of_visible_characters() {
        for good in ["1", "8e03978e-40d5-43e8-bc93-6894a57f9324", r#""quoted""#] {
            assert_eq!(key(&keys(&[good])).unwrap(), good);
        }
        let long: &'static str = Box::leak("k".repeat(LONGEST_KEY + 1).into_boxed_str());
        assert!(key(&keys(&[&long[1..]])).is_ok());
        for bad in [&[""][..], &["a b"], &[long], &["one", "two"]] {
            assert!(key(&keys(bad)).is_err(), "{bad:?}");
        }
    }

    /// What is kept of an answer with this body.
    async fn kept(body: Vec<u8>) -> String {
        let (response, kept) = copy(Response::new(Body::from(body.clone())), "").await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
        String::from_utf8_lossy(&kept.unwrap()).into_owned()
    }

    #[tokio::test]
    async fn an_answer_too_large_for_an_item_is_remembered_as_given() {
        let noise: Vec<u8> = (0..=LARGEST_BODY / 32).flat_map(|_| crate::random::bytes::<32>()).collect();
        assert!(kept(noise).await.contains("ANSWER_NOT_KEPT"));
        assert!(!kept(vec![b'x'; 6_000_000]).await.contains("ANSWER_NOT_KEPT"));
    }

    #[test]
    fn a_body_survives_being_kept() {
        for body in ["", "{}", &"row ".repeat(1_000)] {
            let packed = compressed(body.as_bytes()).unwrap();
            assert!(packed.len() < 100);
            assert_eq!(decompressed(&packed).unwrap(), body.as_bytes());
        }
    }

    #[tokio::test]
    async fn what_may_go_better_next_time_is_not_kept() {
        for (status, kept) in
            [(200, true), (404, true), (401, false), (429, false), (500, false), (503, false)]
        {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            assert_eq!(copy(response, "").await.unwrap().1.is_some(), kept, "{status}");
        }
        for (problem, kept) in [(Problem::changed_meanwhile(), false), (Problem::username_exists(), true)] {
            assert_eq!(copy(problem.into_response(), "").await.unwrap().1.is_some(), kept);
        }
    }
}
