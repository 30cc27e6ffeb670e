//! `GET /bulk/operations/{operation_id}`: how far an operation is that outlived its request.
//!
//! Who started it sees it, and the administrators of their tenant; for others there is none.

use axum::extract::{Path, State};
use shared::App;
use shared::bulk::Operation;
use shared::http::{Json, Permitted, Problem};
use shared::role::{AdminAll, Permission as _, Role, UserCreate};

use super::report::BulkReport;

/// Whether `caller` may see it.
fn is_seen(operation: &Operation, caller: &Permitted<UserCreate>) -> bool {
    let user = &caller.user;
    let same_tenant = operation.order.tenant == user.tenant || user.role == Role::SuperAdmin;
    operation.order.actor == user.id || (same_tenant && caller.rights.may(AdminAll::NAME))
}

fn not_found() -> Problem {
    let message = "Operation not found. Operations answered with 202 are kept for seven days";
    Problem::not_found("OPERATION_NOT_FOUND", message)
}

/// Read a bulk operation
#[utoipa::path(
    get,
    path = "/api/v1/bulk/operations/{operation_id}",
    tag = "bulk",
    params(("operation_id" = String, Path, description = "`bulk_` and 32 hexadecimal digits")),
    security(("access_token" = [])),
    responses((status = 200, description = "The operation", body = BulkReport))
)]
pub(crate) async fn operation(
    State(app): State<App>,
    caller: Permitted<UserCreate>,
    Path(operation_id): Path<String>,
) -> Result<Json<BulkReport>, Problem> {
    let id = operation_id.parse().map_err(|_| not_found())?;
    let (operation, errors) = app.operation(id).await?.ok_or_else(not_found)?;
    if !is_seen(&operation, &caller) {
        return Err(not_found());
    }
    Ok(Json(BulkReport::of(operation, errors, app.now())))
}
