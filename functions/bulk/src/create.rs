//! `POST /bulk/users/create`: many accounts at once, verified and approved from the start.
//!
//! Up to 1,000 rows, in 100 transactions at most, are processed before the answer; more are processed in the background.
//! Sending the same rows again creates no account twice: that is how to continue after a failure.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use shared::App;
use shared::bulk::{Batch, Order};
use shared::clock::Timestamp;
use shared::http::{Json, Permitted, Problem, Query, Upload};
use shared::id::BulkId;
use shared::role::UserCreate;

use super::file::{BulkUsers, File, Options, Purpose};
use super::report::{BulkReport, Outcome, Subject};
use super::row::entries;

/// The most rows that are done before the answer.
const MOST_AT_ONCE: usize = 1_000;
/// The most batches that are: each is a transaction or three, and there are 29 seconds.
const MOST_BATCHES: usize = 100;

/// What `caller` wants.
fn order(caller: &Permitted<UserCreate>, fail_fast: bool, at: Timestamp) -> Order {
    Order {
        operation: BulkId::random(),
        actor: caller.user.id,
        role: caller.user.role.clone(),
        role_version: caller.rights.role_version(),
        generation: caller.user.generation,
        tenant: caller.user.tenant.clone(),
        origin: caller.origin.clone(),
        fail_fast,
        at,
    }
}

/// 403: the caller lost what let them in while their rows were being processed.
fn lost_permission() -> Problem {
    let message = "Your role changed, your sessions were ended or your account was deactivated in the meantime; \
                   the rows before that were created";
    Problem::forbidden("INSUFFICIENT_PERMISSIONS", message)
}

/// Makes the accounts, batch by batch.
async fn add(app: &App, batches: Vec<Batch>, order: &Order) -> Result<Outcome, Problem> {
    let mut outcome = Outcome::default();
    for batch in batches {
        let batch = app.add_batch(&batch, order).await?.ok_or_else(lost_permission)?;
        outcome.note(&batch);
        if order.fail_fast && outcome.counts.failed > 0 {
            break;
        }
    }
    Ok(outcome)
}

/// Create many users
#[utoipa::path(
    post,
    path = "/api/v1/bulk/users/create",
    tag = "bulk",
    params(Options),
    security(("access_token" = [])),
    request_body(content(
        (BulkUsers = "application/json"),
        (String = "application/x-ndjson"),
        (String = "text/csv")
    )),
    responses(
        (status = 200, description = "What happened to the rows", body = BulkReport),
        (
            status = 202,
            description = "More than 1,000 rows or 100 transactions: they are processed in the background",
            body = BulkReport,
            headers(("Location" = String, description = "Where to read the progress of the operation"))
        ),
        (status = 413, description = "The body is larger than 6 MB"),
        (status = 415, description = "The body is not JSON, JSON Lines or CSV")
    )
)]
pub(crate) async fn create_users(
    State(app): State<App>,
    caller: Permitted<UserCreate>,
    Query(options): Query<Options>,
    upload: Upload,
) -> Result<(StatusCode, Option<[(HeaderName, String); 1]>, Json<BulkReport>), Problem> {
    let file = File::read(Purpose::Create, &upload, &options)?;
    let (total, batch_size) = (file.rows.len(), file.batch_size);
    let order = order(&caller, file.fail_fast, app.now());
    let batches = Batch::split(entries(file, &caller), batch_size);
    if total > MOST_AT_ONCE || batches.len() > MOST_BATCHES {
        let operation = app.accept(order, batches, total).await?;
        let location = format!("/api/v1/bulk/operations/{}", operation.id());
        let report = BulkReport::of(operation, Vec::new(), app.now());
        return Ok((StatusCode::ACCEPTED, Some([(header::LOCATION, location)]), Json(report)));
    }
    let outcome = add(&app, batches, &order).await?;
    let (id, operation) = (order.operation.to_string(), "create_users");
    let subject = Subject { id, operation, total, created_at: order.at };
    Ok((StatusCode::OK, None, Json(outcome.report(subject, app.now()))))
}
