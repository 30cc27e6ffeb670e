//! What a request brings: a JSON body, a file, or a query. What is malformed is refused by name.

use ::http::{HeaderMap, Request, StatusCode, header, request::Parts};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::{RefOr, Schema};

use super::problem::{FieldError, Problem};
use super::schema;
use crate::app::App;

/// Bodies over this many bytes are refused.
const LARGEST: usize = 1_000_000;
/// Files over this many bytes are refused: Lambda hands over no more.
pub(super) const LARGEST_FILE: usize = 6_000_000;
/// Values may be nested this deep.
const DEEPEST: usize = 64;

/// A JSON body: 415 for another content type, 413 over 1 MB, 400 `INVALID_JSON` where it is malformed, 422
/// `INVALID_REQUEST` where a field is missing or mistyped. Unknown fields are ignored.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A JSON body that may be left out: `T`'s default stands for none.
#[derive(Clone, Copy, Debug)]
pub struct OptionalJson<T>(pub T);

/// A file of any kind as the body: 413 over 6 MB.
#[derive(Clone)]
pub struct Upload {
    /// What it says it is, in small letters and without parameters; empty if it does not say.
    pub media_type: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl FromRequest<App> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, LARGEST_FILE).await?;
        Ok(Self { media_type: media_type(&parts.headers), bytes })
    }
}

impl<T: DeserializeOwned + PartialSchema> Json<T> {
    /// Reads a body: 400 `INVALID_JSON` where it is malformed, 422 `INVALID_REQUEST` where a field is missing or
    /// mistyped.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        parse(bytes).map(Self)
    }
}

impl<T: DeserializeOwned + PartialSchema> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, LARGEST).await?;
        require_json(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + PartialSchema + Default> FromRequest<App> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, LARGEST).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        require_json(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The whole body.
pub(super) async fn read(body: Body, largest: usize) -> Result<Vec<u8>, Problem> {
    match Limited::new(body, largest).collect().await {
        Ok(collected) => Ok(collected.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("The body is larger than {} MB", largest / 1_000_000);
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message))
        }
        Err(_) => Err(malformed("The body could not be read")),
    }
}

/// What the body says it is, in small letters and without parameters.
fn media_type(headers: &HeaderMap) -> String {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type is JSON's, or that of a format which is JSON (RFC 6839, 3.1).
pub fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    if is_json(&media_type(headers)) {
        return Ok(());
    }
    Err(Problem::unsupported_media_type("Send JSON, with `Content-Type: application/json`"))
}

fn malformed(message: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "INVALID_JSON", message)
}

fn parse<T: DeserializeOwned + PartialSchema>(bytes: &[u8]) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        malformed(format!("The body is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    if depth(&value) > DEEPEST {
        return Err(malformed("The body is nested too deeply"));
    }
    form(&T::schema(), value).map_err(|mistakes| Problem::incomplete(&mistakes))
}

/// `value` as a `T`, which has this schema: who reads many makes it once.
///
/// # Errors
/// Everything that is missing or mistyped.
pub fn form<T: DeserializeOwned>(schema: &RefOr<Schema>, value: Value) -> Result<T, Vec<FieldError>> {
    let mistakes = schema::mistakes(schema, &value);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    serde_json::from_value(value).map_err(|error| vec![FieldError::new("body", error.to_string())])
}

/// How deep a value is nested. The parser itself goes 128 levels deep and no further, so neither does this.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// A query string: 400 `VALIDATION_ERROR` where a parameter is mistyped.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Self(query.0)),
            Err(error) => Err(Problem::invalid(&[FieldError::new("query", error.body_text())])),
        }
    }
}
