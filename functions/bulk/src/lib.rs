//! Many accounts at once: `/api/v1/bulk`.

mod create;
mod file;
mod operation;
mod report;
mod row;
mod table;
mod validate;

use shared::App;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create_users))
        .routes(routes!(validate::validate_users))
        .routes(routes!(operation::operation))
}
