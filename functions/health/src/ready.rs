//! `GET /health/ready` and `GET /health/db`: the table answers.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::http::Json;
use utoipa::ToSchema;

use super::Service;
use super::probe::ask_database;

/// Readiness
///
/// Ready once the table answers.
#[utoipa::path(
    get,
    path = "/api/v1/health/ready",
    tag = "health",
    responses(
        (status = 200, description = "The table answers", body = Service),
        (status = 503, description = "The table does not answer", body = Service)
    )
)]
pub(crate) async fn ready(State(app): State<App>) -> (StatusCode, Json<Service>) {
    if ask_database(&app).await.is_some() {
        return (StatusCode::OK, Json(Service::new(&app, "ready")));
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(Service::new(&app, "unhealthy")))
}

/// The state of the table.
#[derive(Serialize, ToSchema)]
pub(crate) struct Database {
    #[schema(example = "healthy")]
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    #[schema(example = "DynamoDB")]
    database_type: &'static str,
    connected: bool,
    /// How long one read took, in milliseconds.
    response_time_ms: Option<f64>,
}

/// Database health
#[utoipa::path(
    get,
    path = "/api/v1/health/db",
    tag = "health",
    responses(
        (status = 200, description = "The table answers", body = Database),
        (status = 503, description = "The table does not answer", body = Database)
    )
)]
pub(crate) async fn database(State(app): State<App>) -> (StatusCode, Json<Database>) {
    let response_time_ms = ask_database(&app).await;
    let connected = response_time_ms.is_some();
    let (code, status) =
        if connected { (StatusCode::OK, "healthy") } else { (StatusCode::SERVICE_UNAVAILABLE, "unhealthy") };
    let database_type = "DynamoDB";
    (code, Json(Database { status, timestamp: app.now(), database_type, connected, response_time_ms }))
}
