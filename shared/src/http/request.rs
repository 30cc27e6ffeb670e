//! What happens around every request: one spelling of its path, the meter, the answer in the house style and
//! the one event that the log gets of it (its fields are listed in `docs/logging.md`).

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ::http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::denial;
use super::idempotency;
use super::origin;
use super::problem::Problem;
use crate::app::App;
use crate::event::Origin;
use crate::id::{TenantId, UserId};
use crate::store::cost::{Cost, Meter};
use crate::user::User;

/// Who turned out to be calling; noted for the log and for those who are told of refusals.
#[derive(Clone, Default)]
pub(super) struct Requester(Arc<OnceLock<Known>>);

/// Somebody who is known, and from where they call.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) user: UserId,
    pub(super) tenant: TenantId,
    pub(super) origin: Origin,
}

impl Requester {
    pub(super) fn note(&self, user: &User, origin: &Origin) {
        let known = Known { user: user.id, tenant: user.tenant.clone(), origin: origin.clone() };
        // The first who is noted is the caller.
        let _ = self.0.set(known);
    }
}

/// The route that a request matched; noted for the log, which must not hold what clients put into paths.
#[derive(Clone)]
struct Route(MatchedPath);

/// The route that a request matched; empty where it matched none.
fn route(response: &Response) -> &str {
    response.extensions().get::<Route>().map_or("", |route| route.0.as_str())
}

/// Brings a path to its one spelling: no trailing slash, `/v1` is `/api/v1`, and the health routes answer
/// without a prefix as well.
pub(super) async fn one_spelling(mut request: Request<Body>) -> Request<Body> {
    let path = request.uri().path();
    let bare = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let spelled = if bare == "/ready" {
        "/api/v1/health/ready".to_owned()
    } else if bare == "/health" || bare.starts_with("/health/") {
        format!("/api/v1{bare}")
    } else if bare == "/v1" || bare.starts_with("/v1/") {
        format!("/api{bare}")
    } else if bare.is_empty() {
        "/".to_owned()
    } else {
        bare.to_owned()
    };
    if spelled != path {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(uri) = Uri::try_from(format!("{spelled}{query}")) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// Notes which route a request matched.
pub(super) async fn note_route(matched: MatchedPath, request: Request<Body>, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Route(matched));
    response
}

/// Serves a request and sees to it that the answer has everything that every answer has.
pub(super) async fn around(State(app): State<App>, mut request: Request<Body>, next: Next) -> Response {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let origin = origin::of(request.headers(), request.extensions().get());
    let requester = Requester::default();
    request.extensions_mut().insert(origin.clone());
    request.extensions_mut().insert(requester.clone());

    let _open = app.traffic.open();
    let meter = Meter::default();
    let answered = AssertUnwindSafe(meter.measure(next.run(request))).catch_unwind().await;
    let mut response =
        answered.unwrap_or_else(|panic| Problem::broken(panic_message(&*panic)).into_response());

    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        if let Some(known) = requester.0.get().filter(|_| problem.code() == denial::CODE) {
            let route = format!("{method} {}", route(&response));
            meter.measure(denial::tell(&app, known, (route, problem))).await;
        }
        let body = problem.body(&path, &origin.request_id, app.now());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(body.to_string());
    }
    let served = Served { method, origin, requester, cost: meter.cost(), time: started.elapsed() };
    app.traffic.answered(served.time, response.status().is_server_error());
    served.put_headers(&app, &mut response);
    served.log(&response, problem.as_ref());
    response
}

/// A request that was answered, and what it took.
struct Served {
    method: Method,
    origin: Origin,
    requester: Requester,
    cost: Cost,
    time: Duration,
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// What a panic said.
fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_default())
}

impl Served {
    /// Puts the headers of every answer.
    fn put_headers(&self, app: &App, response: &mut Response) {
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&self.origin.request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
        if app.config.public_url.starts_with("https://") {
            let year = HeaderValue::from_static("max-age=31536000");
            headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        }
        if app.config.cost_headers
            && let Ok(timing) = HeaderValue::from_str(&self.timing())
        {
            headers.insert(HeaderName::from_static("server-timing"), timing);
        }
    }

    /// The `Server-Timing` header.
    fn timing(&self) -> String {
        let Cost { calls, read_units, write_units, time } = self.cost;
        let (app, table) = (milliseconds(self.time), milliseconds(time));
        format!(
            "app;dur={app}, dynamodb;dur={table};desc=\"calls={calls} rcu={read_units} wcu={write_units}\""
        )
    }

    /// Writes the one event that the log gets of a request. No personal data, no secret.
    fn log(&self, response: &Response, problem: Option<&Problem>) {
        let (method, request_id) = (&self.method, self.origin.request_id.as_str());
        let requester = self.requester.0.get().map(|known| known.user.to_string()).unwrap_or_default();
        let route = route(response);
        let status = response.status().as_u16();
        let code = problem.map_or("", Problem::code);
        let cause = problem.and_then(Problem::cause).unwrap_or_default();
        let duration_ms = milliseconds(self.time);
        let Cost { calls, read_units, write_units, .. } = self.cost;
        macro_rules! request_event {
            ($level:ident) => {
                tracing::$level!(
                    %method, route, status, duration_ms, request_id, requester, code, cause, calls, read_units,
                    write_units, "request"
                )
            };
        }
        if response.status().is_server_error() { request_event!(error) } else { request_event!(info) }
    }
}

/// Lets browsers call from `origins`, exactly those, if there are any.
pub(super) fn cross_origin(routes: Router, origins: &[String]) -> Router {
    if origins.is_empty() {
        return routes;
    }
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let name = HeaderName::from_static;
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let accepted = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        idempotency::KEY,
        name("x-request-id"),
    ];
    let exposed = [
        header::CONTENT_DISPOSITION,
        header::ETAG,
        header::LINK,
        header::RETRY_AFTER,
        idempotency::REPLAYED,
        name("server-timing"),
        name("x-next-cursor"),
        name("x-total-count"),
        name("x-request-id"),
    ];
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods(methods)
        .allow_headers(accepted)
        .expose_headers(exposed)
        .max_age(Duration::from_hours(1));
    routes.layer(cors)
}
