//! Where a request comes from: as API Gateway says, never as a header claims.

use std::convert::Infallible;

use ::http::HeaderMap;
use ::http::request::Parts;
use axum::extract::FromRequestParts;
use lambda_http::request::RequestContext;
use uuid::Uuid;

use crate::event::Origin;
use crate::random;
use crate::session::Device;

/// How much of a user agent is kept, in characters.
const LONGEST_USER_AGENT: usize = 256;

/// The origin of a request with these headers and this context.
pub(super) fn of(headers: &HeaderMap, context: Option<&RequestContext>) -> Origin {
    let gateway = match context {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
        _ => None,
    };
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let user_agent = header("user-agent").unwrap_or_default();
    let device = Device {
        ip_address: gateway.unwrap_or_else(|| "unknown".to_owned()),
        user_agent: user_agent.chars().take(LONGEST_USER_AGENT).collect(),
    };
    Origin::new(request_id(header("x-request-id")), device)
}

/// The client's own request id, as it came, if it is a UUID; a new one otherwise.
fn request_id(given: Option<&str>) -> String {
    let is_uuid = |text: &&str| matches!(text.len(), 32 | 36) && Uuid::try_parse(text).is_ok();
    let given = given.filter(is_uuid).map(str::to_owned);
    given.unwrap_or_else(|| uuid::Builder::from_random_bytes(random::bytes()).into_uuid().to_string())
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let noted = parts.extensions.get::<Self>().cloned();
        Ok(noted.unwrap_or_else(|| of(&parts.headers, parts.extensions.get())))
    }
}
