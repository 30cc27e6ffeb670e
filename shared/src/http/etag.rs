//! `ETag` and `If-Match` (RFC 9110): a change is made to the state that its client saw, or not at all.
//!
//! The tag of an account or a webhook is its version, which every change by a person raises. Signing in is no such change:
//! whoever edits an account does not lose their work because its owner signs in.

use std::convert::Infallible;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::body::Json;
use super::problem::Problem;
use crate::app::App;
use crate::store::Changed;

/// An answer that shows an account at this version, which its `ETag` tells.
#[derive(Clone, Copy, Debug)]
pub struct Tagged<T>(pub u64, pub T);

/// In which states something may be changed, as `If-Match` says; in any, where there is no such header.
#[derive(Clone, Debug, Default)]
pub struct IfMatch(Option<Vec<String>>);

/// The account, or other resource, that a request is about: the last variable part of its path, and the state that it
/// must be in.
#[derive(Clone, Debug)]
pub struct Target {
    /// As the path names it.
    pub id: String,
    /// The state.
    pub if_match: IfMatch,
}

impl IfMatch {
    /// What `headers` say. A header that is no text names no state.
    fn of(headers: &HeaderMap) -> Self {
        let values: Vec<_> = headers.get_all(header::IF_MATCH).iter().collect();
        let tags = values.iter().flat_map(|value| value.to_str().unwrap_or_default().split(','));
        let tags = tags.map(|tag| tag.trim().to_owned()).collect();
        Self((!values.is_empty()).then_some(tags))
    }

    /// Whether an account at `version` may be changed. The comparison is the strong one (RFC 9110, 13.1.1): a weak
    /// tag matches nothing.
    ///
    /// # Errors
    /// 412 `PRECONDITION_FAILED`.
    pub fn check(&self, version: u64) -> Result<(), Problem> {
        let Some(tags) = &self.0 else { return Ok(()) };
        let tag = tag(version);
        if tags.iter().any(|it| it == "*" || *it == tag) { Ok(()) } else { Err(failed()) }
    }

    /// What the client is told of a change.
    ///
    /// # Errors
    /// 409 where the address or the user name is taken. Where somebody else was faster, 412 if the client sent `If-Match`,
    /// else 409.
    pub fn settle(&self, changed: Changed) -> Result<(), Problem> {
        match changed {
            Changed::Done => Ok(()),
            Changed::EmailTaken => Err(Problem::email_taken()),
            Changed::UsernameTaken => Err(Problem::username_exists()),
            Changed::Meanwhile if self.0.is_some() => Err(failed()),
            Changed::Meanwhile => Err(Problem::changed_meanwhile()),
        }
    }
}

/// The entity tag of a version.
fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

fn failed() -> Problem {
    let message = "The resource no longer matches If-Match; reload it and try again";
    Problem::new(StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", message)
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::from_str(&tag(self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl FromRequestParts<App> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl FromRequestParts<App> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path: Result<Path<String>, _> = Path::from_request_parts(parts, app).await;
        let Path(id) = path.map_err(|_| Problem::not_found("NOT_FOUND", "Not found"))?;
        Ok(Self { id, if_match: IfMatch::of(&parts.headers) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lets_through(values: &[&'static str]) -> bool {
        let values = values.iter().map(|value| (header::IF_MATCH, HeaderValue::from_static(value)));
        IfMatch::of(&values.collect()).check(7).is_ok()
    }

    #[test]
    fn the_version_its_list_or_a_star_match() {
        for values in
            [&[][..], &["\"7\""], &["*"], &["\"6\", \"7\""], &["W/\"7\",\"7\""], &["\"6\"", "\"7\""]]
        {
            assert!(lets_through(values), "{values:?}");
        }
    }

    #[test]
    fn another_a_weak_or_a_malformed_tag_does_not() {
        for values in [&["\"6\""][..], &["W/\"7\""], &["7"], &[""], &["\"77\""], &["\"6\", W/\"7\""]] {
            assert!(!lets_through(values), "{values:?}");
        }
    }
}
