//! `POST /webhooks/{webhook_id}/test`: the webhook is told an event that says nothing, `webhook.test`.
//!
//! Nobody else is told: it stands neither in the audit trail nor with other webhooks.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use shared::App;
use shared::event::EventType;
use shared::http::{Json, Permitted, Problem};
use shared::id::DeliveryId;
use shared::role::AdminAll;
use utoipa::ToSchema;

use super::{event, find_enabled};

/// The delivery that was started.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestAccepted {
    /// The `webhook-id` of the message.
    delivery_id: DeliveryId,
    message: &'static str,
}

/// Send a test event
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{webhook_id}/test",
    tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`hook_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    responses((status = 202, description = "The test event will be sent", body = TestAccepted))
)]
pub(crate) async fn test_webhook(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(webhook_id): Path<String>,
) -> Result<(StatusCode, Json<TestAccepted>), Problem> {
    let endpoint = find_enabled(&app, &caller, &webhook_id).await?;
    let event = event(EventType::WebhookTest, &caller, &endpoint, app.now());
    let delivery = app.deliver(&event, &endpoint).await?;
    let message = "The test event is being sent; see the webhook's deliveries";
    Ok((StatusCode::ACCEPTED, Json(TestAccepted { delivery_id: delivery.id, message })))
}
