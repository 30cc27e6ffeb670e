//! `POST /webhooks/{webhook_id}/rotate-secret`: a new secret, shown once. The one before signs along for 24 hours,
//! whatever replaces it: of a secret that leaked, `DELETE` and a new webhook make an end at once.

use axum::extract::{Path, State};
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::http::{Json, Permitted, Problem};
use shared::role::AdminAll;
use shared::store::EndpointChange;
use shared::webhook::{Endpoint, SigningSecret};
use utoipa::ToSchema;

use super::{Refusal, event, find};

/// The new secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretRotated {
    /// The key that messages are signed with from now on. It is never shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
    /// Until when they are also signed with the previous secret.
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_secret_valid_until: Option<Timestamp>,
}

/// Replace a webhook's secret
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{webhook_id}/rotate-secret",
    tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`hook_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    responses((status = 200, description = "The new secret", body = SecretRotated))
)]
pub(crate) async fn rotate_secret(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(webhook_id): Path<String>,
) -> Result<Json<SecretRotated>, Problem> {
    let before = find(&app, &caller, &webhook_id).await?;
    let (secret, now) = (SigningSecret::random(), app.now());
    let sealed = secret.seal(&app.keys, before.id).await?;
    let secrets = before.secrets.clone().rotated(sealed, now).map_err(Refusal::TooManySecrets)?;
    let changed = Endpoint { secrets, updated_at: now, ..before.clone() };
    let event = event(EventType::AdminWebhookSecretRotated, &caller, &changed, now);
    let change = EndpointChange { before: &before, after: &changed, with_health: false };
    if !app.store.change_endpoint(&caller.user, change, &event).await? {
        return Err(Problem::changed_meanwhile());
    }
    let previous_secret_valid_until = changed.secrets.overlap_until(now);
    Ok(Json(SecretRotated { secret: secret.text().expose().to_owned(), previous_secret_valid_until }))
}
