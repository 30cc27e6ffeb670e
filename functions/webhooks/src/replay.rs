//! `POST /webhooks/{webhook_id}/replay`: one delivery is sent again, or all undelivered ones of a period.
//!
//! It is tried at once, unless its server asked to be left alone, and keeps its id, by which a receiver detects
//! duplicates. A period is processed 99 deliveries at a time, oldest first: the answer says where to continue.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::audit::{parse_end, parse_start};
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::http::{Fields, Json, Permitted, Problem};
use shared::id::DeliveryId;
use shared::role::AdminAll;
use shared::webhook::{Delivery, DeliveryState, Endpoint};
use utoipa::ToSchema;

use super::{Refusal, event, find_enabled};

/// How many deliveries of a period are looked at in one request: what one transaction can write, beside the event.
const MOST_AT_ONCE: usize = 99;

/// What to replay: one delivery, or a period of time.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Replay {
    #[schema(example = "msg_550e8400e29b41d4a716446655440000")]
    delivery_id: Option<String>,
    /// The start of the period.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// The end of the period; by default now.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// What will be sent again.
#[derive(Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// The deliveries that will be sent again.
    replayed: Vec<DeliveryId>,
    /// The `since` of the next request, if the period has more deliveries.
    next_since: Option<String>,
}

enum Wanted {
    One(DeliveryId),
    Span(Timestamp, Timestamp),
}

impl Replay {
    fn check(&self, now: Timestamp) -> Result<Wanted, Problem> {
        let mut fields = Fields::default();
        let id = self.delivery_id.as_deref().map(str::parse).transpose();
        let id = fields.take("delivery_id", id);
        let since = fields.take("since", self.since.as_deref().map(parse_start).transpose());
        let until = fields.take("until", self.until.as_deref().map(parse_end).transpose());
        match (id, since.zip(until)) {
            (Some(Some(id)), Some((None, None))) => return Ok(Wanted::One(id)),
            (Some(None), Some((Some(since), until))) => {
                let until = until.unwrap_or(now);
                if since <= until {
                    return Ok(Wanted::Span(since, until));
                }
                fields.note("until", "must not be before since");
            }
            (Some(_), Some(_)) => fields.note("delivery_id", "give either delivery_id or since"),
            _ => {}
        }
        Err(fields.into_problem())
    }
}

/// Replay deliveries
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{webhook_id}/replay",
    tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`hook_` and 32 hexadecimal digits, or a UUID")),
    security(("access_token" = [])),
    request_body = Replay,
    responses((status = 202, description = "The deliveries that will be sent again", body = Replayed))
)]
pub(crate) async fn replay(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(webhook_id): Path<String>,
    Json(form): Json<Replay>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let endpoint = find_enabled(&app, &caller, &webhook_id).await?;
    let (deliveries, next_since) = match form.check(app.now())? {
        Wanted::One(id) => {
            let found = app.store.delivery(endpoint.id, id).await?;
            let found = found.ok_or(Refusal::DeliveryNotFound)?;
            if found.is_attempted(app.now()) {
                return Err(Refusal::InFlight.into());
            }
            (vec![found], None)
        }
        Wanted::Span(since, until) => undelivered(&app, &endpoint, (since, until)).await?,
    };
    let event = event(EventType::AdminWebhookReplayed, &caller, &endpoint, app.now());
    if !app.replay(&endpoint, &deliveries, &event).await? {
        return Err(Problem::changed_meanwhile());
    }
    let replayed = deliveries.iter().map(|delivery| delivery.id).collect();
    Ok((StatusCode::ACCEPTED, Json(Replayed { replayed, next_since })))
}

/// Those of the first deliveries of a period that were not delivered and are not being attempted, and where the rest of
/// the period begins.
async fn undelivered(
    app: &App,
    endpoint: &Endpoint,
    (since, until): (Timestamp, Timestamp),
) -> Result<(Vec<Delivery>, Option<String>), Problem> {
    let places = app.store.deliveries_of(endpoint.id, (since, until), MOST_AT_ONCE).await?;
    let mut deliveries = app.store.deliveries_at(endpoint.id, &places).await?;
    let last = deliveries.last().filter(|_| places.len() == MOST_AT_ONCE).map(|it| it.created_at);
    // More than 99 of one millisecond would be met again and again: then the next one is gone on from.
    let next = last.map(|at| if at > since { at } else { at + std::time::Duration::from_millis(1) });
    let now = app.now();
    deliveries.retain(|it| !matches!(it.state, DeliveryState::Delivered { .. }) && !it.is_attempted(now));
    Ok((deliveries, next.filter(|at| *at <= until).map(|at| at.to_string())))
}
