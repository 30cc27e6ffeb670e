//! An operation that outlives its request: its batches are stored sealed in the table and processed one after
//! another, driven by the stream.
//!
//! One transaction creates the accounts of a batch, deletes the batch and advances the operation, provided that it has
//! not moved. That write is itself a record of the stream, and causes the next batch: a crash loses none, and a
//! record that comes twice, or late, finds the operation further on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Batch, Counts, MOST_ERRORS, Order, RowError};
use crate::app::App;
use crate::clock::Timestamp;
use crate::event::details::BulkProgress;
use crate::event::{Event, EventType};
use crate::fault::Fault;
use crate::id::BulkId;
use crate::store::{Advance, SealedBatch, SealedErrors};
use crate::stream::Record;

/// How long an operation is kept, and with it what was not worked off.
const DAYS: i64 = 7;

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Some rows are still to be tried.
    Running,
    /// All rows were tried.
    Completed,
    /// It ended before that.
    Failed,
}

impl State {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// An operation, as the table keeps it: no personal data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// Who ordered it, when, and how.
    pub order: Order,
    /// How far it is.
    pub state: State,
    /// Why it ended early, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many rows were handed in.
    pub total: usize,
    /// How many batches they are.
    pub batches: u32,
    /// The batch to be worked off next, from 0.
    pub next_batch: u32,
    /// What became of the rows so far.
    pub counts: Counts,
    /// How many errors are kept.
    pub errors_kept: usize,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// When the table may forget it, in seconds since the epoch.
    pub expires_at: i64,
}

impl Record for Operation {
    const ENTITY: &'static str = "bulk_operation";
    const WRITES: &'static [&'static str] = &["INSERT", "MODIFY"];
}

impl Operation {
    fn new(order: Order, total: usize, batches: u32) -> Self {
        Self {
            state: State::Running,
            reason: None,
            total,
            batches,
            next_batch: 0,
            counts: Counts::default(),
            errors_kept: 0,
            finished_at: None,
            expires_at: order.at.as_second() + DAYS * 86_400,
            order,
        }
    }

    /// Which one it is.
    pub fn id(&self) -> BulkId {
        self.order.operation
    }

    /// The operation once `batch` is worked off.
    fn after(&self, batch: &Batch, now: Timestamp) -> Self {
        let (mut after, counts) = (self.clone(), batch.counts());
        after.counts += counts;
        after.errors_kept = MOST_ERRORS.min(self.errors_kept + counts.failed);
        after.next_batch += 1;
        if self.order.fail_fast && counts.failed > 0 {
            return after.ended("A row failed, and `fail_fast` was set", now);
        }
        if after.next_batch == after.batches {
            (after.state, after.finished_at) = (State::Completed, Some(now));
        }
        after
    }

    /// The operation, ended early.
    fn ended(self, reason: &str, now: Timestamp) -> Self {
        Self { state: State::Failed, reason: Some(reason.to_owned()), finished_at: Some(now), ..self }
    }

    /// What is told of it.
    fn event(&self, event_type: EventType, now: Timestamp) -> Event {
        let mut event =
            Event::new(event_type, &self.order.origin, now).by(self.order.actor).telling(BulkProgress {
                operation_id: self.id(),
                total: self.total,
                successful: self.counts.successful,
                failed: self.counts.failed,
                skipped: self.counts.skipped,
            });
        event.tenant = self.order.tenant.clone();
        event
    }

    /// What is told of its end, if this is it.
    fn told(&self, now: Timestamp) -> Option<Event> {
        (self.state != State::Running).then(|| self.event(EventType::BulkCompleted, now))
    }
}

/// What sealed rows, or errors, of a batch are bound to.
fn place(kind: &str, id: BulkId, number: u32) -> String {
    format!("bulk {kind} {id} {number}")
}

impl App {
    /// Takes on `batches`, to be worked off by and by. The operation is written last: once it is there, all of
    /// its rows are.
    ///
    /// # Errors
    /// When the table or the keys fail. Then nothing will be worked off.
    pub async fn accept(&self, order: Order, batches: Vec<Batch>, total: usize) -> Result<Operation, Fault> {
        let count = u32::try_from(batches.len()).map_err(|error| Fault::broken("counting batches", error))?;
        let operation = Operation::new(order, total, count);
        let mut sealed = Vec::new();
        for (number, batch) in (0..).zip(&batches) {
            let rows = self.seal("rows", (operation.id(), number), batch).await?;
            let (first, rows_count, expires_at) = (batch.first, batch.len(), operation.expires_at);
            sealed.push(SealedBatch { number, first, count: rows_count, rows, expires_at });
        }
        self.store.keep_batches(operation.id(), &sealed).await?;
        let event = operation.event(EventType::BulkAccepted, self.now());
        self.store.open_operation(&operation, &event).await?;
        Ok(operation)
    }

    /// Works off the batch that is next in `seen`, unless that was done already; where it ended early, forgets the
    /// rows that are left.
    ///
    /// # Errors
    /// When it has to be tried again.
    pub async fn work_off(&self, seen: &Operation) -> Result<(), Fault> {
        let (id, number) = (seen.id(), seen.next_batch);
        if seen.state == State::Failed {
            // What it did not come to names people all the same.
            return self.store.drop_batches(id, number..seen.batches).await;
        }
        let (operation, sealed) = self.store.operation_at(id, number).await?;
        let current = |it: &Operation| it.state == State::Running && it.next_batch == number;
        let Some(operation) = operation.filter(current) else { return Ok(()) };
        let Some(sealed) = sealed else {
            let ended = operation.clone().ended("Its remaining rows are no longer stored", self.now());
            return self.store.end_operation(&operation, &ended, ended.told(self.now()).as_ref()).await;
        };
        let batch = self.open_batch(id, &sealed).await?;
        self.advance(&operation, batch).await
    }

    /// Writes what becomes of `batch`, and with it that the operation is so far.
    async fn advance(&self, operation: &Operation, mut batch: Batch) -> Result<(), Fault> {
        let (id, number) = (operation.id(), operation.next_batch);
        let mut taken = BTreeSet::new();
        loop {
            let tried = batch.tried(&taken, &operation.order);
            let (now, room) = (self.now(), MOST_ERRORS - operation.errors_kept);
            let errors: Vec<&RowError> = tried.errors().take(room).collect();
            let errors = match errors.as_slice() {
                [] => None,
                errors => Some(self.seal("errors", (id, number), &errors).await?),
            };
            let errors =
                errors.map(|errors| SealedErrors { number, errors, expires_at: operation.expires_at });
            let after = operation.after(&tried, now);
            let told = (errors.as_ref(), after.told(now));
            let accounts = tried.accounts(&operation.order, now);
            match self.store.advance((operation, &after), &accounts, (told.0, told.1.as_ref())).await {
                Ok(Advance::Done | Advance::MovedOn) => return Ok(()),
                Ok(Advance::Taken) => taken = self.store.taken(batch.claims()).await?,
                Ok(Advance::ActorChanged) => {
                    let reason =
                        "The account that started it was deactivated or signed out, or its role changed";
                    let ended = operation.clone().ended(reason, now);
                    return self.store.end_operation(operation, &ended, ended.told(now).as_ref()).await;
                }
                Err(fault) if fault.is_temporary() || accounts.is_empty() => return Err(fault),
                Err(fault) => {
                    tracing::error!(cause = fault.chain(), operation_id = %id, number, "a batch was lost");
                    batch.lose();
                }
            }
        }
    }

    /// An operation, if there is one, and why rows of it failed, as far as that is kept.
    ///
    /// # Errors
    /// When the table or the keys fail.
    pub async fn operation(&self, id: BulkId) -> Result<Option<(Operation, Vec<RowError>)>, Fault> {
        let Some((operation, sealed)) = self.store.operation(id).await? else { return Ok(None) };
        let mut errors: Vec<RowError> = Vec::new();
        for SealedErrors { number, errors: some, .. } in &sealed {
            let some = self.keys.open(&place("errors", id, *number), some).await?;
            let some: Vec<RowError> =
                serde_json::from_slice(&some).map_err(|error| Fault::broken("reading errors", error))?;
            errors.extend(some);
        }
        Ok(Some((operation, errors)))
    }

    async fn seal(
        &self,
        kind: &str,
        (id, number): (BulkId, u32),
        value: &(impl Serialize + Sync),
    ) -> Result<String, Fault> {
        let bytes = serde_json::to_vec(value).map_err(|error| Fault::broken("writing a batch", error))?;
        self.keys.seal(&place(kind, id, number), bytes).await
    }

    /// The rows of a batch; what nobody can read counts as rows that failed.
    async fn open_batch(&self, id: BulkId, sealed: &SealedBatch) -> Result<Batch, Fault> {
        let opened = match self.keys.open(&place("rows", id, sealed.number), &sealed.rows).await {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| Fault::broken("reading a batch", error))
            }
            Err(fault) => Err(fault),
        };
        match opened {
            Err(fault) if !fault.is_temporary() => {
                tracing::error!(cause = fault.chain(), operation_id = %id, number = sealed.number, "a batch is lost");
                Ok(Batch::unreadable(sealed.first, sealed.count))
            }
            opened => opened,
        }
    }
}
