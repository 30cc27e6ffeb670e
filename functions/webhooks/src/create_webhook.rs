//! `POST /webhooks`: an administrator has events told to a server. The secret that its messages are signed with is
//! shown once, here.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::event::EventType;
use shared::http::{Json, Permitted, Problem};
use shared::id::WebhookId;
use shared::role::AdminAll;
use shared::store::EndpointAddition;
use shared::webhook::{Endpoint, EndpointState, Health, Secrets, SigningSecret};
use utoipa::ToSchema;

use super::{Described, Refusal, WebhookInfo, described, event};

/// The webhook to create.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateWebhook {
    /// Its URL: `https`, on the public internet.
    #[schema(example = "https://hooks.example.com/usher")]
    url: String,
    /// The events to send: names, families (`user.*`) or all (`*`); 1 to 50.
    #[schema(example = json!(["user.*", "admin.user_created"]))]
    events: Vec<String>,
    /// What it is for; at most 200 characters.
    #[schema(example = "The newsletter's list of members")]
    description: Option<String>,
}

/// The webhook that was created.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookCreated {
    #[serde(flatten)]
    webhook: WebhookInfo,
    /// What its messages are signed with (Standard Webhooks). It is never shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// Create a webhook
#[utoipa::path(
    post,
    path = "/api/v1/webhooks",
    tag = "webhooks",
    security(("access_token" = [])),
    request_body = CreateWebhook,
    responses((status = 201, description = "The webhook, with its secret", body = WebhookCreated))
)]
pub(crate) async fn create_webhook(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Json(form): Json<CreateWebhook>,
) -> Result<(StatusCode, Json<WebhookCreated>), Problem> {
    let texts = (Some(form.url.as_str()), form.description.as_deref());
    let Described { url, events, description } = described(&app, texts, Some(&form.events))?;
    let (id, secret, now) = (WebhookId::random(), SigningSecret::random(), app.now());
    let endpoint = Endpoint {
        id,
        tenant: caller.user.tenant.clone(),
        url: url.unwrap_or_default(),
        description: description.unwrap_or_default(),
        events: events.unwrap_or_default(),
        state: EndpointState::Enabled,
        secrets: Secrets::new(secret.seal(&app.keys, id).await?),
        health: Health::default(),
        created_by: caller.user.id,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let event = event(EventType::AdminWebhookCreated, &caller, &endpoint, now);
    match app.store.add_endpoint(&caller.user, &endpoint, &event).await? {
        EndpointAddition::Added => {
            let secret = secret.text().expose().to_owned();
            Ok((StatusCode::CREATED, Json(WebhookCreated { webhook: endpoint.into(), secret })))
        }
        EndpointAddition::TooMany => Err(Refusal::TooMany.into()),
        EndpointAddition::ActorChanged => Err(Problem::changed_meanwhile()),
    }
}
