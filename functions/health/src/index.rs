//! `GET /`: says that this is the API, and its version.

use serde::Serialize;
use shared::http::Json;
use utoipa::ToSchema;

/// The API and its version.
#[derive(Serialize, ToSchema)]
pub(crate) struct Index {
    #[schema(example = "ok")]
    status: &'static str,
    message: &'static str,
    #[schema(example = "1.0.0")]
    version: &'static str,
}

/// Name and version of the API
#[utoipa::path(
    get,
    path = "/",
    tag = "health",
    responses((status = 200, description = "The API is running", body = Index))
)]
pub(crate) async fn index() -> Json<Index> {
    let message = "User Management API is running";
    Json(Index { status: "ok", message, version: env!("CARGO_PKG_VERSION") })
}
