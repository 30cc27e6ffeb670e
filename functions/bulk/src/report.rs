//! What is told of an operation, whether it is done or still runs.

use serde::Serialize;
use shared::bulk::{Batch, Counts, MOST_ERRORS, Operation, RowError, State};
use shared::clock::Timestamp;
use utoipa::ToSchema;

/// The state of an operation.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkReport {
    /// The id of the operation. Only one that was answered with 202 can be read by it.
    #[schema(example = "bulk_abc123def456")]
    operation_id: String,
    #[schema(example = "create_users")]
    operation: &'static str,
    /// `running`, `completed` (all rows were processed) or `failed` (it ended early).
    #[schema(example = "completed")]
    state: &'static str,
    /// Why it ended early, if it did.
    reason: Option<String>,
    /// How many rows were sent.
    total: usize,
    /// How many of them were processed.
    done: usize,
    /// How many accounts were created.
    successful: usize,
    /// How many rows failed.
    failed: usize,
    /// How many rows were skipped because their address has an account, or is that of an earlier row.
    skipped: usize,
    /// Why rows failed; the first 1,000 errors.
    errors: Vec<RowError>,
    /// How many errors are not listed.
    errors_left_out: usize,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    duration_seconds: f64,
    throughput_per_second: f64,
    /// The percentage of rows that became accounts.
    success_rate: f64,
}

/// What became of rows so far.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    errors: Vec<RowError>,
}

/// What an operation is called, and what was handed in.
pub(crate) struct Subject {
    pub(crate) id: String,
    pub(crate) operation: &'static str,
    pub(crate) total: usize,
    pub(crate) created_at: Timestamp,
}

impl Outcome {
    /// `batch` is done with.
    pub(crate) fn note(&mut self, batch: &Batch) {
        self.counts += batch.counts();
        let room = MOST_ERRORS - self.errors.len();
        self.errors.extend(batch.errors().take(room).cloned());
    }

    /// What is told of it once all is done that will be.
    pub(crate) fn report(self, subject: Subject, now: Timestamp) -> BulkReport {
        let stopped = self.counts.done() < subject.total;
        let state = if stopped { State::Failed } else { State::Completed };
        let reason = stopped.then(|| "A row failed, and `fail_fast` was set".to_owned());
        BulkReport::new(subject, self, (state, reason, Some(now)), now)
    }
}

impl BulkReport {
    /// How `operation` stands at `now`.
    pub(crate) fn of(operation: Operation, errors: Vec<RowError>, now: Timestamp) -> Self {
        let subject = Subject {
            id: operation.id().to_string(),
            operation: "create_users",
            total: operation.total,
            created_at: operation.order.at,
        };
        let outcome = Outcome { counts: operation.counts, errors };
        Self::new(subject, outcome, (operation.state, operation.reason, operation.finished_at), now)
    }

    fn new(
        subject: Subject,
        outcome: Outcome,
        (state, reason, finished_at): (State, Option<String>, Option<Timestamp>),
        now: Timestamp,
    ) -> Self {
        let Counts { successful, failed, skipped } = outcome.counts;
        let done = outcome.counts.done();
        let milliseconds = finished_at.unwrap_or(now).as_millisecond() - subject.created_at.as_millisecond();
        Self {
            operation_id: subject.id,
            operation: subject.operation,
            state: state.name(),
            reason,
            total: subject.total,
            done,
            successful,
            failed,
            skipped,
            errors_left_out: failed.saturating_sub(outcome.errors.len()),
            errors: outcome.errors,
            created_at: subject.created_at,
            finished_at,
            duration_seconds: quotient(milliseconds, 1_000),
            // What took no time that the clock can tell took a millisecond.
            throughput_per_second: quotient(done * 1_000, milliseconds.max(1)),
            success_rate: quotient(successful * 100, subject.total),
        }
    }
}

/// A quotient of counts, which are small enough to be exact.
fn quotient(dividend: impl TryInto<u32>, divisor: impl TryInto<u32>) -> f64 {
    let number = |it: Option<u32>| f64::from(it.unwrap_or(u32::MAX));
    number(dividend.try_into().ok()) / number(divisor.try_into().ok())
}
