//! Webhooks that administrators make: `/api/v1/webhooks`.
//!
//! A webhook is seen and changed within its tenant only. Its secret is shown when it is made or replaced, and never
//! again.

mod create_webhook;
mod delete_webhook;
mod get_webhook;
mod list_deliveries;
mod list_webhooks;
mod replay;
mod rotate_secret;
mod test_webhook;
mod update_webhook;

use serde::Serialize;
use serde_json::json;
use shared::App;
use shared::clock::Timestamp;
use shared::event::details::NamedWebhook;
use shared::event::{Event, EventType};
use shared::http::{Fields, Permitted, Problem};
use shared::id::{UserId, WebhookId};
use shared::name::line;
use shared::role::AdminAll;
use shared::webhook::{DisabledReason, Endpoint, EndpointState, Selector, Target, TooManySecrets};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 200;
/// The most selectors of events.
const MOST_SELECTORS: usize = 50;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_webhooks::list_webhooks, create_webhook::create_webhook))
        .routes(routes!(
            get_webhook::get_webhook,
            update_webhook::update_webhook,
            delete_webhook::delete_webhook
        ))
        .routes(routes!(list_deliveries::list_deliveries))
        .routes(routes!(test_webhook::test_webhook))
        .routes(routes!(rotate_secret::rotate_secret))
        .routes(routes!(replay::replay))
}

/// A webhook.
#[derive(Serialize, ToSchema)]
struct WebhookInfo {
    id: WebhookId,
    #[schema(example = "https://hooks.example.com/usher")]
    url: String,
    #[schema(value_type = Vec<String>, example = json!(["user.*", "admin.user_created"]))]
    events: Vec<Selector>,
    description: String,
    /// Whether events are sent to it.
    enabled: bool,
    /// Why the system disabled it, if it did.
    disabled_reason: Option<DisabledReason>,
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
    /// Since when every delivery to its server has failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    created_by: UserId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Endpoint> for WebhookInfo {
    fn from(endpoint: Endpoint) -> Self {
        let (disabled_reason, disabled_at) = match endpoint.state {
            EndpointState::Disabled { reason, at } => (Some(reason), Some(at)),
            EndpointState::Enabled | EndpointState::Paused => (None, None),
        };
        Self {
            id: endpoint.id,
            url: endpoint.url,
            events: endpoint.events,
            description: endpoint.description,
            enabled: endpoint.state == EndpointState::Enabled,
            disabled_reason,
            disabled_at,
            failing_since: endpoint.health.failing_since,
            created_by: endpoint.created_by,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

enum Refusal {
    /// The tenant has none of this id.
    NotFound,
    /// The webhook has no such delivery.
    DeliveryNotFound,
    /// The delivery is being attempted.
    InFlight,
    /// It is paused, or was disabled.
    NotEnabled,
    /// The tenant has as many as it may have.
    TooMany,
    /// It has as many secrets as it may have at once.
    TooManySecrets(TooManySecrets),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::not_found("WEBHOOK_NOT_FOUND", "Webhook not found"),
            Refusal::DeliveryNotFound => Self::not_found("DELIVERY_NOT_FOUND", "Delivery not found"),
            Refusal::InFlight => {
                Self::conflict("DELIVERY_IN_FLIGHT", "The delivery is being attempted; wait for its result")
            }
            Refusal::NotEnabled => {
                Self::conflict("WEBHOOK_NOT_ENABLED", "The webhook is not enabled; enable it first")
            }
            Refusal::TooMany => {
                let message = "The limit of 50 webhooks is reached; delete one first";
                Self::conflict("TOO_MANY_WEBHOOKS", message)
            }
            Refusal::TooManySecrets(TooManySecrets { until }) => {
                let message = "Four replaced secrets are still valid; wait until the oldest one expires";
                Self::conflict("TOO_MANY_SECRETS", message).detail(json!({ "possible_from": until }))
            }
        }
    }
}

/// The webhook that `id` names, if it is one of the caller's tenant.
async fn find(app: &App, caller: &Permitted<AdminAll>, id: &str) -> Result<Endpoint, Problem> {
    let id = id.parse().map_err(|_| Refusal::NotFound)?;
    let found = app.store.endpoint(&caller.user.tenant, id).await?;
    Ok(found.ok_or(Refusal::NotFound)?)
}

/// The same, if it is enabled.
async fn find_enabled(app: &App, caller: &Permitted<AdminAll>, id: &str) -> Result<Endpoint, Problem> {
    let endpoint = find(app, caller, id).await?;
    if endpoint.state == EndpointState::Enabled { Ok(endpoint) } else { Err(Refusal::NotEnabled.into()) }
}

/// What happened to `endpoint` at `at`, by the will of the caller. A URL may hold a key, and is not told.
fn event(event_type: EventType, caller: &Permitted<AdminAll>, endpoint: &Endpoint, at: Timestamp) -> Event {
    Event::new(event_type, &caller.origin, at)
        .by(caller.user.id)
        .within(&endpoint.tenant)
        .telling(NamedWebhook { webhook: endpoint.id })
}

/// What a request says of a webhook; what is left out is `None`.
struct Described {
    url: Option<String>,
    events: Option<Vec<Selector>>,
    description: Option<String>,
}

/// What a request says of a webhook, if all of it is good.
fn described(
    app: &App,
    (url, description): (Option<&str>, Option<&str>),
    events: Option<&[String]>,
) -> Result<Described, Problem> {
    let mut fields = Fields::default();
    let url = fields
        .take_optional("url", url, |text| Target::parse(text, &app.config).map(|it| it.as_str().to_owned()));
    let events = fields.take("events", events.map(selectors).transpose());
    let description = fields.take_optional("description", description, |text| {
        line(text, 0..=LONGEST_DESCRIPTION).ok_or("must be at most 200 characters, on one line")
    });
    let ((url, events), description) = fields.all(url.zip(events).zip(description))?;
    Ok(Described { url, events, description })
}

/// The selectors, each once, in their order.
fn selectors(texts: &[String]) -> Result<Vec<Selector>, String> {
    if !(1..=MOST_SELECTORS).contains(&texts.len()) {
        return Err(format!("must be 1 to {MOST_SELECTORS} event names"));
    }
    let mut selectors = Vec::new();
    for text in texts {
        let selector: Selector =
            text.parse().map_err(|error| format!("{text:?} {error}", text = shortened(text)))?;
        if !selectors.contains(&selector) {
            selectors.push(selector);
        }
    }
    Ok(selectors)
}

/// The beginning of `text`, which is somebody's to choose.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
