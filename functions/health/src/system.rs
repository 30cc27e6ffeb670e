//! `GET /health/system`: what the machine under this process has left.

use axum::extract::State;
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::http::{Json, Problem};
use utoipa::ToSchema;

use super::probe::Machine;

/// CPU, memory and disk usage.
#[derive(Serialize, ToSchema)]
pub(crate) struct SystemMetrics {
    #[schema(example = "healthy")]
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    cpu_usage_percent: f64,
    memory_usage_percent: f64,
    disk_usage_percent: f64,
    available_memory_mb: f64,
}

/// System metrics
#[utoipa::path(
    get,
    path = "/api/v1/health/system",
    tag = "health",
    responses((status = 200, description = "CPU, memory and disk usage", body = SystemMetrics))
)]
pub(crate) async fn system(State(app): State<App>) -> Result<Json<SystemMetrics>, Problem> {
    let machine = Machine::now()?;
    Ok(Json(SystemMetrics {
        status: machine.status(),
        timestamp: app.now(),
        cpu_usage_percent: machine.cpu_percent,
        memory_usage_percent: machine.memory_percent,
        disk_usage_percent: machine.disk_percent,
        available_memory_mb: machine.available_memory_mb,
    }))
}
