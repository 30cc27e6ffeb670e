//! `GET /health`: the process answers. It asks nothing of anything else, so that it costs nothing to ask.

use axum::extract::State;
use serde::Serialize;
use shared::App;
use shared::http::Json;
use utoipa::ToSchema;

use super::Service;
use super::probe::{Check, Checks};

/// The state of the service.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[serde(flatten)]
    service: Service,
    /// How long this process has been running, in seconds.
    uptime_seconds: f64,
    #[schema(value_type = Object)]
    checks: Checks,
}

/// Liveness
#[utoipa::path(
    get,
    path = "/api/v1/health",
    tag = "health",
    responses((status = 200, description = "The service is up", body = Health))
)]
pub(crate) async fn health(State(app): State<App>) -> Json<Health> {
    let uptime_seconds = app.traffic.uptime().as_secs_f64();
    let checks = Checks::from([("api", Check::api())]);
    Json(Health { service: Service::new(&app, "healthy"), uptime_seconds, checks })
}
