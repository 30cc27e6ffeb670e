//! Bulk operations: their batches, how far they are, and what failed.

use serde::{Deserialize, Serialize};

use super::Store;
use super::accounts::{NewAccount, account_writes, still_wanted};
use super::events::outbox;
use super::key::{self, BULK_ERRORS, Key};
use super::table::{Range, parse};
use super::write::Write;
use crate::bulk::{MOST_ERRORS, Operation, State};
use crate::event::Event;
use crate::fault::Fault;
use crate::id::BulkId;

/// Rows that are still to be worked off, sealed: they are personal data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealedBatch {
    /// Which batch it is, from 0.
    pub number: u32,
    /// Which row its first one is, from 0.
    pub first: usize,
    /// How many rows it has.
    pub count: usize,
    /// The rows, sealed.
    pub rows: String,
    /// When the table may forget them, in seconds since the epoch.
    pub expires_at: i64,
}

/// What failed of a batch, sealed: it shows addresses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealedErrors {
    /// Of which batch, from 0.
    pub number: u32,
    /// The errors, sealed.
    pub errors: String,
    /// When the table may forget them, in seconds since the epoch.
    pub expires_at: i64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// Its accounts exist and the operation moved on.
    Done,
    /// Nothing was written: the operation had moved on.
    MovedOn,
    /// Nothing was written: whoever started the operation may no longer.
    ActorChanged,
    /// Nothing was written: one of the accounts claims what is another's.
    Taken,
}

/// The write that makes `after` of `before`, if that is how the operation stands.
fn moved(before: &Operation, after: &Operation) -> Result<Write, Fault> {
    Write::update(Key::bulk_operation(before.id()))
        .set("state", after.state)?
        .set("reason", &after.reason)?
        .set("next_batch", after.next_batch)?
        .set("counts", after.counts)?
        .set("errors_kept", after.errors_kept)?
        .set("finished_at", after.finished_at)?
        .only_if("#state = :running AND #next_batch = :next_batch")
        .value("running", State::Running)?
        .value("next_batch", before.next_batch)
}

impl Store {
    /// The batches of an operation are kept, for when that is opened. They are no change of anything before.
    pub async fn keep_batches(&self, id: BulkId, batches: &[SealedBatch]) -> Result<(), Fault> {
        let item = |batch: &SealedBatch| {
            Write::put(Key::bulk_batch(id, batch.number), "bulk_batch", batch).map(Write::into_item)
        };
        self.table.batch_put(batches.iter().map(item).collect::<Result<_, _>>()?).await
    }

    /// The operation runs, and its event is told.
    pub async fn open_operation(&self, operation: &Operation, event: &Event) -> Result<(), Fault> {
        let key = Key::bulk_operation(operation.id());
        let open = Write::put(key, "bulk_operation", operation)?.unless_exists();
        self.table.transact(vec![open, outbox(event)?]).await.map(drop)
    }

    /// An operation, and one of its batches, as far as they exist.
    pub async fn operation_at(
        &self,
        id: BulkId,
        number: u32,
    ) -> Result<(Option<Operation>, Option<SealedBatch>), Fault> {
        let keys = [Key::bulk_operation(id), Key::bulk_batch(id, number)];
        let mut found = self.table.batch_get(&keys).await?;
        let [operation, batch] = keys.map(|key| found.remove(&key));
        Ok((operation.map(parse).transpose()?, batch.map(parse).transpose()?))
    }

    /// An operation, if there is one, and what failed, in the order of the rows.
    pub async fn operation(&self, id: BulkId) -> Result<Option<(Operation, Vec<SealedErrors>)>, Fault> {
        let range = Range {
            partition: key::bulk_partition(id),
            from: Some(BULK_ERRORS.to_owned()),
            ..Range::default()
        };
        // The last first: the operation, then what failed. What is kept of a batch is one error at least.
        let mut items = self.table.query_all(range, 1 + MOST_ERRORS).await?.into_iter();
        let Some(operation) = items.next() else { return Ok(None) };
        let errors: Vec<SealedErrors> = items.rev().map(parse).collect::<Result<_, _>>()?;
        Ok(Some((parse(operation)?, errors)))
    }

    /// These accounts exist, the batch they came from does not any more, and the operation is as `after` says;
    /// what failed is kept, and what is to be told is told.
    ///
    /// Guarded by the operation standing as `before` says, by whoever started it still being allowed to, and by each
    /// address and user name being free.
    pub async fn advance(
        &self,
        (before, after): (&Operation, &Operation),
        accounts: &[NewAccount],
        (errors, event): (Option<&SealedErrors>, Option<&Event>),
    ) -> Result<Advance, Fault> {
        let id = before.id();
        let mut also = vec![moved(before, after)?];
        also.extend(still_wanted(&before.order)?);
        also.push(Write::delete(Key::bulk_batch(id, before.next_batch)));
        if let Some(errors) = errors {
            also.push(Write::put(Key::bulk_errors(id, errors.number), "bulk_errors", errors)?);
        }
        also.extend(event.map(outbox).transpose()?);
        let writes = accounts.iter().map(|it| account_writes(&it.user, &it.credential, &it.event));
        Ok(match self.write_accounts(writes.collect::<Result<_, _>>()?, also).await? {
            None => Advance::Done,
            // Whoever was first made these accounts: that they are taken means nothing.
            Some(refusals) if refusals.others.contains(&0) => Advance::MovedOn,
            Some(refusals) if !refusals.others.is_empty() => Advance::ActorChanged,
            Some(_) => Advance::Taken,
        })
    }

    /// The rows that were still to be worked off are gone. Nobody asks for them any more once the operation ended.
    pub async fn drop_batches(&self, id: BulkId, numbers: std::ops::Range<u32>) -> Result<(), Fault> {
        let keys: Vec<Key> = numbers.map(|number| Key::bulk_batch(id, number)).collect();
        self.table.delete_all(&keys).await
    }

    /// The operation ended as `after` says, if it stood as `before` says, and its event is told.
    pub async fn end_operation(
        &self,
        before: &Operation,
        after: &Operation,
        event: Option<&Event>,
    ) -> Result<(), Fault> {
        let mut writes = vec![moved(before, after)?];
        writes.extend(event.map(outbox).transpose()?);
        self.table.transact(writes).await.map(drop)
    }
}
