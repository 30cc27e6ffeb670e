//! The audit trail, for those who may read it: `/api/v1/audit`.
//!
//! Nothing here changes a record; whoever reads leaves one, and a trail that is found good gets a checkpoint.

mod export;
mod logs;
mod span;
mod summary;
mod verify;

use shared::App;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(logs::logs))
        .routes(routes!(summary::summary))
        .routes(routes!(verify::verify))
        .routes(routes!(export::export))
}
