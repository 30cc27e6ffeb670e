//! Is it up, is it ready, how is it doing: `/api/v1/health`, also without the prefix. Open to all.

mod detailed;
mod health;
mod index;
mod probe;
mod ready;
mod system;

use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(index::index))
        .routes(routes!(health::health))
        .routes(routes!(ready::ready))
        .routes(routes!(ready::database))
        .routes(routes!(system::system))
        .routes(routes!(detailed::detailed))
}

/// The service and its state.
#[derive(Clone, Serialize, ToSchema)]
struct Service {
    /// `healthy`, `ready`, `degraded` or `unhealthy`.
    #[schema(example = "healthy")]
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    #[schema(example = "production")]
    environment: &'static str,
    #[schema(example = "user-management-api")]
    service: &'static str,
    #[schema(example = "1.0.0")]
    version: &'static str,
}

impl Service {
    fn new(app: &App, status: &'static str) -> Self {
        Self {
            status,
            timestamp: app.now(),
            environment: app.config.environment.name(),
            service: "user-management-api",
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
