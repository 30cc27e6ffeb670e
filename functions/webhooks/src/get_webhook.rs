//! `GET /webhooks/{webhook_id}`: a webhook, without its secret.

use axum::extract::{Path, State};
use shared::App;
use shared::http::{Permitted, Problem, Tagged};
use shared::role::AdminAll;

use super::{WebhookInfo, find};

/// Read a webhook
#[utoipa::path(
    get,
    path = "/api/v1/webhooks/{webhook_id}",
    tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`hook_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "The webhook",
        body = WebhookInfo,
        headers(("ETag" = String, description = "The version of the webhook, for `If-Match`"))
    ))
)]
pub(crate) async fn get_webhook(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(webhook_id): Path<String>,
) -> Result<Tagged<WebhookInfo>, Problem> {
    let endpoint = find(&app, &caller, &webhook_id).await?;
    Ok(Tagged(endpoint.version, endpoint.into()))
}
