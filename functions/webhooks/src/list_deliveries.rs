//! `GET /webhooks/{webhook_id}/deliveries`: what was told and what came of it, newest first.
//!
//! Deliveries are kept for 30 days. The list reads an index, which learns of a new one a moment later.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::http::{Json, List, Page, PageParameters, Paged, Permitted, Problem};
use shared::id::{DeliveryId, EventId};
use shared::role::AdminAll;
use shared::store::DeliveryPage;
use shared::webhook::{Attempt, Delivery, DeliveryState, Failure, Outcome};
use utoipa::ToSchema;

use super::find;

/// A delivery.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryInfo {
    /// The `webhook-id` of each attempt.
    id: DeliveryId,
    event_id: EventId,
    #[schema(value_type = String, example = "user.registered")]
    event_type: EventType,
    status: DeliveryStatus,
    /// When it is tried next, while it is pending.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    attempts: Vec<AttemptInfo>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// The status of a delivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeliveryStatus {
    /// It will be tried.
    Pending,
    /// The server took it.
    Delivered,
    /// It is given up.
    Failed,
}

/// An attempt to deliver.
#[derive(Serialize, ToSchema)]
struct AttemptInfo {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    /// The status code of the answer.
    status_code: Option<u16>,
    /// Why there was no answer.
    error: Option<Failure>,
}

impl From<Attempt> for AttemptInfo {
    fn from(attempt: Attempt) -> Self {
        let (status_code, error) = match attempt.outcome {
            Outcome::Status(status) => (Some(status), None),
            Outcome::Error(failure) => (None, Some(failure)),
        };
        Self { at: attempt.at, duration_ms: attempt.duration_ms, status_code, error }
    }
}

impl From<Delivery> for DeliveryInfo {
    fn from(delivery: Delivery) -> Self {
        let (status, next_attempt_at) = match delivery.state {
            DeliveryState::Pending { next_attempt_at } => (DeliveryStatus::Pending, Some(next_attempt_at)),
            DeliveryState::Delivered { .. } => (DeliveryStatus::Delivered, None),
            DeliveryState::Failed { .. } => (DeliveryStatus::Failed, None),
        };
        Self {
            id: delivery.id,
            event_id: delivery.event,
            event_type: delivery.event_type,
            status,
            next_attempt_at,
            attempts: delivery.attempts.into_iter().map(AttemptInfo::from).collect(),
            created_at: delivery.created_at,
        }
    }
}

/// List a webhook's deliveries
///
/// `total` is 1,000 where there are so many or more: `has_next` and `X-Next-Cursor` tell whether the list goes on.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks/{webhook_id}/deliveries",
    tag = "webhooks",
    params(
        ("webhook_id" = String, Path, description = "`hook_` and 32 hexadecimal digits, or a UUID"),
        PageParameters
    ),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of deliveries, newest first",
        body = Paged<DeliveryInfo>,
        headers(
            ("X-Total-Count" = u64, description = "The same as `total`"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn list_deliveries(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(webhook_id): Path<String>,
    page: Page,
) -> Result<(HeaderMap, Json<Paged<DeliveryInfo>>), Problem> {
    let endpoint = find(&app, &caller, &webhook_id).await?;
    let list = List::of(&caller.user, format_args!("webhooks/deliveries {}", endpoint.id));
    let part = page.part(&app, list).await?;
    let DeliveryPage { deliveries, next, total } =
        app.store.deliveries(endpoint.id, part.after(), part.window()).await?;
    part.read(&app, deliveries.into_iter().map(DeliveryInfo::from).collect(), (total, next)).await
}
