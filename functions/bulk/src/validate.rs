//! `POST /bulk/users/validate`: what would become of rows if they were handed in to be created.
//!
//! It takes what the creation takes and writes nothing. What it says is true now: an address may be taken by
//! the time of the creation.

use std::collections::BTreeSet;

use axum::extract::State;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use shared::App;
use shared::bulk::Batch;
use shared::http::{Json, Permitted, Problem, Query, Upload};
use shared::id::BulkId;
use shared::role::UserCreate;

use super::file::{BulkUsers, File, Options, Purpose};
use super::report::{BulkReport, Outcome, Subject};
use super::row::entries;

/// What the identifier of a validation begins with. It is told and not kept.
const PREFIX: &str = "bulk_val_";
/// Batches that are asked for at once.
const AT_ONCE: usize = 8;

/// Validate many users
#[utoipa::path(
    post,
    path = "/api/v1/bulk/users/validate",
    tag = "bulk",
    params(Options),
    security(("access_token" = [])),
    request_body(content(
        (BulkUsers = "application/json"),
        (String = "application/x-ndjson"),
        (String = "text/csv")
    )),
    responses(
        (status = 200, description = "What would happen to the rows", body = BulkReport),
        (status = 413, description = "The body is larger than 6 MB"),
        (status = 415, description = "The body is not JSON, JSON Lines or CSV")
    )
)]
pub(crate) async fn validate_users(
    State(app): State<App>,
    caller: Permitted<UserCreate>,
    Query(options): Query<Options>,
    upload: Upload,
) -> Result<Json<BulkReport>, Problem> {
    let created_at = app.now();
    let file = File::read(Purpose::Validate, &upload, &options)?;
    let (total, fail_fast) = (file.rows.len(), file.fail_fast);
    let mut outcome = Outcome::default();
    let batches = Batch::split(entries(file, &caller), usize::MAX).into_iter();
    let ask = async |batch: Batch| app.store.taken(batch.claims()).await.map(|taken| (batch, taken));
    let mut asked = stream::iter(batches.map(ask)).buffered(AT_ONCE);
    // What is taken by now, by others or by earlier rows.
    let mut taken = BTreeSet::new();
    while let Some((batch, others)) = asked.try_next().await? {
        taken.extend(others);
        let mut batch = batch.judged(&mut taken);
        let stop = fail_fast && batch.stop_at_failure();
        outcome.note(&batch);
        if stop {
            break;
        }
    }
    let id = format!("{PREFIX}{}", BulkId::random().uuid().simple());
    let subject = Subject { id, operation: "validate_users", total, created_at };
    Ok(Json(outcome.report(subject, app.now())))
}
