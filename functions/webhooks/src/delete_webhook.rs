//! `DELETE /webhooks/{webhook_id}`: nothing is told there any more, not even what is pending.

use axum::extract::{Path, State};
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::http::{Json, Permitted, Problem};
use shared::id::WebhookId;
use shared::role::AdminAll;
use utoipa::ToSchema;

use super::{event, find};

/// The webhook that was deleted.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookDeleted {
    id: WebhookId,
    message: &'static str,
    #[schema(value_type = String, format = DateTime)]
    deleted_at: Timestamp,
}

/// Delete a webhook
#[utoipa::path(
    delete,
    path = "/api/v1/webhooks/{webhook_id}",
    tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`hook_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    responses((status = 200, description = "The webhook is deleted", body = WebhookDeleted))
)]
pub(crate) async fn delete_webhook(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(webhook_id): Path<String>,
) -> Result<Json<WebhookDeleted>, Problem> {
    let endpoint = find(&app, &caller, &webhook_id).await?;
    let deleted_at = app.now();
    let event = event(EventType::AdminWebhookDeleted, &caller, &endpoint, deleted_at);
    if !app.store.remove_endpoint(&caller.user, &endpoint, &event).await? {
        return Err(Problem::changed_meanwhile());
    }
    Ok(Json(WebhookDeleted { id: endpoint.id, message: "Webhook deleted successfully", deleted_at }))
}
