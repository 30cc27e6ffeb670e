//! `GET /webhooks`: the webhooks of the caller's tenant, newest first.

use axum::extract::State;
use axum::http::HeaderMap;
use shared::App;
use shared::http::{Json, List, Page, PageParameters, Paged, Permitted, Problem};
use shared::role::AdminAll;

use super::WebhookInfo;

/// List webhooks
#[utoipa::path(
    get,
    path = "/api/v1/webhooks",
    tag = "webhooks",
    params(PageParameters),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of webhooks, newest first",
        body = Paged<WebhookInfo>,
        headers(
            ("X-Total-Count" = u64, description = "The number of webhooks"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn list_webhooks(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    page: Page,
) -> Result<(HeaderMap, Json<Paged<WebhookInfo>>), Problem> {
    let tenant = &caller.user.tenant;
    let part = page.part(&app, List::of(&caller.user, "webhooks")).await?;
    let mut webhooks: Vec<_> =
        app.store.endpoints(tenant).await?.into_iter().map(WebhookInfo::from).collect();
    let place = |webhook: &WebhookInfo| (webhook.created_at, webhook.id);
    webhooks.sort_by_key(|webhook| std::cmp::Reverse(place(webhook)));
    part.of(&app, webhooks, place).await
}
