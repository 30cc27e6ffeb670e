//! How a batch reaches its function, whatever the function does with it.
//!
//! As a Lambda event source mapping with `ReportBatchItemFailures`, `BisectBatchOnFunctionError` and
//! `MaximumRetryAttempts`: a reported failure is retried from the lowest record that failed; an error, or a panic,
//! halves the batch until the record that causes it stands alone; a record that fails eleven times goes to the
//! dead letters and the shard moves on.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use futures::FutureExt;
use lambda_runtime::{Context, LambdaEvent};
use shared::clock::Clock;
use shared::stream::{Record, tells_of};

use super::letter;
use super::record::sequence_number;
use crate::aws;
use crate::function::Function;
use crate::part::Stop;
use crate::sqs::Queue;

/// How often a record is tried before it is a dead letter: once, and as often again as the template's
/// `MaximumRetryAttempts` says.
pub(super) const ATTEMPTS: u32 = 11;
/// The wait before the second try; it doubles, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// A function that consumes the stream.
pub(crate) struct Consumer {
    /// The function.
    pub(crate) function: Function<Event, DynamoDbEventResponse>,
    /// The filter of its event source mapping: it is called with no other records.
    pub(super) passes: fn(&EventRecord) -> bool,
}

impl Consumer {
    /// A consumer of this name that handles what records tell of `T` with `handle`, as the template has it:
    ///
    /// `{"eventName": T::WRITES, "dynamodb": {"NewImage": {"entity": {"S": [T::ENTITY]}}}}`
    pub(crate) fn of<T: Record, F>(
        name: &'static str,
        handle: impl Fn(LambdaEvent<Event>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<DynamoDbEventResponse, lambda_runtime::Error>> + Send + 'static,
    {
        Self { function: Function::new(name, handle), passes: tells_of::<T> }
    }
}

/// What became of the batch so far; told as it happens, so that a stop in between loses nothing.
pub(super) enum Told<'a> {
    /// The records up to this sequence number are done, so many of them processed.
    Done { up_to: &'a str, processed: u64 },
    /// A try failed.
    Failed,
    /// The record with this sequence number is a dead letter.
    Dead { number: &'a str },
}

/// Brings batches to one consumer.
pub(super) struct Delivery {
    pub(super) consumer: Consumer,
    /// The destination of what it gives up.
    pub(super) dead_letters: Arc<Queue>,
    pub(super) clock: Clock,
    pub(super) stop: Stop,
}

/// Records that are tried together.
struct Batch {
    records: Vec<EventRecord>,
    /// How often the first of them has failed, as far as that is known.
    failures: u32,
}

/// What the function made of a batch.
enum Verdict {
    Processed,
    /// The records before the failed one are processed.
    Failed(Failure),
    Error(String),
}

/// The first record of a batch that failed, by its index, and why.
struct Failure {
    index: usize,
    reason: String,
}

impl Delivery {
    /// Delivers the records of a shard in order. Returns early, with the rest undone, when told to stop.
    pub(super) async fn deliver(
        &self,
        (shard, records): (&str, Vec<EventRecord>),
        tell: &mut (dyn FnMut(Told<'_>) + Send),
    ) {
        let mut waiting = VecDeque::from([Batch { records, failures: 0 }]);
        while let Some(batch) = waiting.pop_front() {
            if batch.records.is_empty() {
                continue;
            }
            if self.stop.is_asked() {
                return;
            }
            let failure = match self.invoke(&batch.records).await {
                Verdict::Processed => {
                    tell_done(&batch.records, tell);
                    continue;
                }
                Verdict::Failed(failure) => Some(failure),
                Verdict::Error(reason) if batch.records.len() == 1 => Some(Failure { index: 0, reason }),
                Verdict::Error(_) => None,
            };
            tell(Told::Failed);
            match failure {
                Some(failure) => waiting.push_front(self.remains(batch, (shard, failure), tell).await),
                None => halve(batch).into_iter().for_each(|half| waiting.push_front(half)),
            }
        }
    }

    /// What is to be tried again after a failure.
    async fn remains(
        &self,
        mut batch: Batch,
        (shard, failure): (&str, Failure),
        tell: &mut (dyn FnMut(Told<'_>) + Send),
    ) -> Batch {
        let mut records = batch.records.split_off(failure.index);
        tell_done(&batch.records, tell);
        let failures = if failure.index == 0 { batch.failures + 1 } else { 1 };
        if failures < ATTEMPTS {
            let wait = FIRST_WAIT.saturating_mul(1 << (failures - 1)).min(LONGEST_WAIT);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.clone().asked() => {}
            }
            return Batch { records, failures };
        }
        let dead = records.remove(0);
        self.bury(shard, &dead, &failure.reason);
        tell(Told::Dead { number: sequence_number(&dead) });
        Batch { records, failures: 0 }
    }

    fn bury(&self, shard: &str, record: &EventRecord, reason: &str) {
        let function = self.consumer.function.name;
        tracing::error!(function, reason, "a record went to the dead letters");
        let letter = letter::about(function, (shard, record), self.clock.now());
        if let Err(error) = self.dead_letters.send(letter.to_string(), String::new(), 0) {
            tracing::error!(%error, "a dead letter could not be written");
        }
    }

    async fn invoke(&self, records: &[EventRecord]) -> Verdict {
        let mut event = Event::default();
        event.records = records.to_vec();
        let mut context = Context::default();
        context.request_id = aws::new_id();
        let call =
            AssertUnwindSafe(async { self.consumer.function.call(LambdaEvent::new(event, context)).await });
        match call.catch_unwind().await {
            Ok(Ok(response)) => verdict(records, &response),
            Ok(Err(error)) => Verdict::Error(error.to_string()),
            Err(_) => Verdict::Error("the function panicked".to_owned()),
        }
    }
}

/// Reads a partial failure: retried from the lowest failed record. One that names no record of the batch fails all
/// of it, as Lambda has it.
fn verdict(records: &[EventRecord], response: &DynamoDbEventResponse) -> Verdict {
    let failed = response.batch_item_failures.iter().map(|failure| {
        let named = failure.item_identifier.as_deref();
        records.iter().position(|record| record.change.sequence_number.as_deref() == named)
    });
    match failed.map(Option::unwrap_or_default).min() {
        None => Verdict::Processed,
        Some(index) => Verdict::Failed(Failure {
            index,
            reason: "the function reported the record as failed".to_owned(),
        }),
    }
}

fn tell_done(records: &[EventRecord], tell: &mut (dyn FnMut(Told<'_>) + Send)) {
    if let Some(last) = records.last() {
        tell(Told::Done { up_to: sequence_number(last), processed: records.len() as u64 });
    }
}

/// The two halves, the later one first. Halving is no try: it does not count.
fn halve(mut batch: Batch) -> [Batch; 2] {
    let later = batch.records.split_off(batch.records.len() / 2);
    [Batch { records: later, failures: 0 }, Batch { records: batch.records, failures: 0 }]
}
