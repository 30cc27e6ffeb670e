//! `PATCH /webhooks/{webhook_id}`: an administrator changes where events are told and which, or pauses that.
//!
//! While it is not enabled, nothing is told and nothing waits: what is pending is given up when it is due, and can
//! be replayed. Enabling it lets it start afresh, whyever it was switched off; so does another URL.

use axum::extract::State;
use serde::Deserialize;
use shared::App;
use shared::event::EventType;
use shared::http::{Json, Permitted, Problem, Tagged, Target};
use shared::role::AdminAll;
use shared::store::{Changed, EndpointChange};
use shared::webhook::Endpoint;
use utoipa::ToSchema;

use super::{Described, WebhookInfo, described, event, find};

/// What to change; fields left out stay as they are.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateWebhook {
    /// Its URL: `https`, on the public internet.
    #[schema(example = "https://hooks.example.com/usher")]
    url: Option<String>,
    /// All events to send from now on: names, families (`user.*`) or all (`*`); 1 to 50.
    #[schema(example = json!(["user.*"]))]
    events: Option<Vec<String>>,
    /// What it is for; at most 200 characters.
    description: Option<String>,
    /// Whether events are sent to it.
    enabled: Option<bool>,
}

/// Change a webhook
#[utoipa::path(
    patch,
    path = "/api/v1/webhooks/{webhook_id}",
    tag = "webhooks",
    params(
        ("webhook_id" = String, Path, description = "`hook_` and 32 hexadecimal digits, or a UUID"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that came with the webhook")
    ),
    security(("access_token" = [])),
    request_body = UpdateWebhook,
    responses((
        status = 200,
        description = "The updated webhook",
        body = WebhookInfo,
        headers(("ETag" = String, description = "The version of the webhook, for `If-Match`"))
    ))
)]
pub(crate) async fn update_webhook(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    target: Target,
    Json(form): Json<UpdateWebhook>,
) -> Result<Tagged<WebhookInfo>, Problem> {
    let before = find(&app, &caller, &target.id).await?;
    target.if_match.check(before.version)?;
    let texts = (form.url.as_deref(), form.description.as_deref());
    let Described { url, events, description } = described(&app, texts, form.events.as_deref())?;
    let endpoint = match url {
        Some(url) => before.clone().moved(url),
        None => before.clone(),
    };
    let endpoint = match form.enabled {
        Some(enabled) => endpoint.switched(enabled),
        None => endpoint,
    };
    let changed = Endpoint {
        events: events.unwrap_or(endpoint.events),
        description: description.unwrap_or(endpoint.description),
        updated_at: app.now(),
        version: before.version + 1,
        ..endpoint
    };
    let event = event(EventType::AdminWebhookUpdated, &caller, &changed, changed.updated_at);
    let with_health = changed.url != before.url || form.enabled.is_some();
    let change = EndpointChange { before: &before, after: &changed, with_health };
    let written = app.store.change_endpoint(&caller.user, change, &event).await?;
    target.if_match.settle(if written { Changed::Done } else { Changed::Meanwhile })?;
    Ok(Tagged(changed.version, changed.into()))
}
