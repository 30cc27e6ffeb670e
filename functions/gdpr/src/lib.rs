//! What the General Data Protection Regulation gives a person: a copy of their data (articles 15 and 20) and its
//! erasure (article 17), under `/api/v1/gdpr`.
//!
//! Being that person is enough, whether an administrator let them in or not: who may read their own profile may do
//! both.

mod erase;
mod export;
mod personal_data;
mod table;

use shared::App;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export::export_my_data)).routes(routes!(erase::delete_my_account))
}
