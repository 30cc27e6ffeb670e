//! `/_local`: what the local cloud adds for a person and for tests. None of it exists on AWS.
//!
//! It answers only to a loopback host name, so that a web page elsewhere cannot read mails or secrets through a name
//! that it points at this machine (DNS rebinding).

use std::sync::Arc;

use aws_sdk_dynamodb::error::DisplayErrorContext;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use lambda_runtime::{Context, LambdaEvent};
use minijinja::Environment;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::TimeSource;

use crate::aws::{self, REGION};
use crate::clock::MovableClock;
use crate::faults::{Fault, Faults};
use crate::function::Function;
use crate::services::View;
use crate::sqs::Queues;
use crate::stream::{EventSources, Order};

/// What the calls look at and act on.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) url: String,
    pub(crate) clock: MovableClock,
    pub(crate) queues: Queues,
    pub(crate) sources: EventSources,
    pub(crate) faults: Faults,
    pub(crate) invocable: Arc<Vec<Function<Value, Value>>>,
    pub(crate) services: View,
}

impl Console {
    /// The calls, by their paths under `/_local`.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/", get(overview))
            .route("/mail", get(mail))
            .route("/queues", get(queues))
            .route("/dead-letters", get(dead_letters))
            .route("/table", get(table))
            .route("/clock", post(move_clock))
            .route("/drain", post(drain))
            .route("/run/{function}", post(run))
            .route("/streams/{function}", post(order))
            .route("/faults", post(add_fault).delete(clear_faults))
            .layer(from_fn(loopback_only))
            .with_state(self)
    }
}

async fn loopback_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let name =
        host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    if ["127.0.0.1", "localhost", "[::1]"].contains(&name) {
        return next.run(request).await;
    }
    refuse(StatusCode::FORBIDDEN, "call this as 127.0.0.1 or localhost")
}

fn refuse(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(json!({ "message": message.into() }))).into_response()
}

async fn overview(State(console): State<Console>, headers: HeaderMap) -> Response {
    let url = &console.url;
    let consumers: Vec<Value> = console
        .sources
        .progress()
        .into_iter()
        .map(|(function, progress)| {
            let mut consumer = json!(progress);
            consumer["function"] = json!(function);
            consumer
        })
        .collect();
    let overview = json!({
        "dynamodb_endpoint": console.services.endpoints.dynamodb,
        "table": console.services.table,
        "region": REGION,
        "aws_endpoint": console.services.endpoints.aws,
        "now": console.clock.now(),
        "urls": {
            "api": url, "docs": format!("{url}/docs"), "redoc": format!("{url}/redoc"),
            "openapi": format!("{url}/openapi.json"), "mail": format!("{url}/_local/mail"),
            "table": format!("{url}/_local/table"), "dead_letters": format!("{url}/_local/dead-letters"),
        },
        "streams": consumers,
        // What a function that runs in a process of its own needs, to work with this local cloud.
        "environment": {
            "APP_ENV": "development",
            "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_DYNAMODB": console.services.endpoints.dynamodb,
            "AWS_ENDPOINT_URL_KMS": console.services.endpoints.aws,
            "AWS_ENDPOINT_URL_SESV2": console.services.endpoints.aws,
            "AWS_ENDPOINT_URL_SQS": console.services.endpoints.aws,
            "DEAD_LETTER_QUEUE_URL": crate::settings::DEAD_LETTER_QUEUE_URL,
            "KMS_KEY_ID": crate::settings::KMS_KEY_ID, "MAIL_FROM": crate::settings::MAIL_FROM,
            "MAIL_QUEUE_URL": crate::settings::MAIL_QUEUE_URL,
            "PUBLIC_URL": url, "TABLE_NAME": console.services.table,
            "WEBHOOK_ALLOW_LOOPBACK": "true", "WEBHOOK_QUEUE_URL": crate::settings::WEBHOOK_QUEUE_URL,
            "WEBHOOK_SLOW_QUEUE_URL": crate::settings::WEBHOOK_SLOW_QUEUE_URL,
        },
    });
    answer(&headers, ("overview.html", include_str!("../pages/overview.html")), overview)
}

async fn mail(State(console): State<Console>, headers: HeaderMap) -> Response {
    answer(&headers, ("mail.html", include_str!("../pages/mail.html")), console.services.mails.all())
}

/// A page for a browser, JSON for anyone else.
fn answer(headers: &HeaderMap, page: (&str, &str), content: impl Serialize) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !accepted.contains("text/html") {
        return Json(content).into_response();
    }
    // The name's ending makes the template engine escape everything it puts in.
    let content = minijinja::Value::from(minijinja::value::Serde(content));
    match Environment::new().render_named_str(page.0, page.1, minijinja::context! { content }) {
        Ok(html) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// A page runs no script and loads nothing, and so does the mail that it shows.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'";

async fn queues(State(console): State<Console>) -> Json<Vec<Value>> {
    Json(console.queues.waiting())
}

async fn dead_letters(State(console): State<Console>) -> Json<Vec<Value>> {
    Json(console.queues.given_up())
}

/// Every item, by key.
async fn table(State(console): State<Console>) -> Response {
    let pages = console
        .services
        .dynamodb
        .scan()
        .table_name(&console.services.table)
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let items = match pages.collect::<Result<Vec<_>, _>>().await {
        Ok(items) => items,
        Err(error) => return refuse(StatusCode::BAD_GATEWAY, DisplayErrorContext(error).to_string()),
    };
    match serde_dynamo::from_items::<_, Value>(items) {
        Ok(mut items) => {
            items.sort_by_cached_key(|item| [item["PK"].to_string(), item["SK"].to_string()]);
            Json(items).into_response()
        }
        Err(error) => refuse(StatusCode::BAD_GATEWAY, error.to_string()),
    }
}

#[derive(Deserialize)]
struct MoveClock {
    advance_seconds: u32,
}

/// Moves the clock; what expires by then is gone, and told in the stream, before this returns.
async fn move_clock(State(console): State<Console>, Json(asked): Json<MoveClock>) -> Json<Value> {
    let now = console.clock.advance(asked.advance_seconds);
    if let Some(expiry) = &console.services.expiry {
        expiry.run().await;
    }
    console.sources.wake();
    Json(json!({ "now": now }))
}

async fn drain(State(console): State<Console>) -> Response {
    if console.sources.drain().await {
        return StatusCode::NO_CONTENT.into_response();
    }
    refuse(StatusCode::SERVICE_UNAVAILABLE, "the local cloud is stopping")
}

/// Runs a function as its schedule does, or a person by hand, and answers what it answers.
async fn run(
    State(console): State<Console>,
    Path(function): Path<String>,
    payload: Option<Json<Value>>,
) -> Response {
    let Some(invocable) = console.invocable.iter().find(|it| it.name == function) else {
        let known: Vec<_> = console.invocable.iter().map(|it| it.name).collect();
        let message = format!("no schedule and nobody by hand runs `{function}`");
        return (StatusCode::NOT_FOUND, Json(json!({ "message": message, "known": known }))).into_response();
    };
    let mut context = Context::default();
    context.request_id = aws::new_id();
    let payload = payload.map_or_else(|| json!({}), |Json(payload)| payload);
    match invocable.call(LambdaEvent::new(payload, context)).await {
        Ok(report) => Json(report).into_response(),
        Err(error) => refuse(StatusCode::BAD_GATEWAY, error.to_string()),
    }
}

/// Has a consumer of the stream be served well or badly.
async fn order(
    State(console): State<Console>,
    Path(function): Path<String>,
    Json(order): Json<Order>,
) -> Response {
    if !console.sources.order(&function, order) {
        return refuse(StatusCode::NOT_FOUND, format!("the stream has no consumer `{function}`"));
    }
    console.sources.wake();
    StatusCode::NO_CONTENT.into_response()
}

async fn add_fault(State(console): State<Console>, Json(fault): Json<Fault>) -> Json<Vec<Fault>> {
    Json(console.faults.add(fault))
}

/// Answers with what had not struck yet.
async fn clear_faults(State(console): State<Console>) -> Json<Vec<Fault>> {
    Json(console.faults.clear())
}

#[cfg(test)]
mod tests;
