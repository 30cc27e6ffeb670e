//! The chains of the audit trail and their checkpoints: written so that nothing is left out between two of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Store;
use super::events::AuditRecord;
use super::history;
use super::key::{self, Key, RECORDS};
use super::table::{Outcome, Range, parse};
use super::write::{Item, Write};
use crate::chain::{
    AuditKey, ChainId, ChainedRecord, CheckpointPlace, Flaw, Hash, Head, Kept, Reason, SealedHead, TrailError,
};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::{EventId, TenantId};

/// How often records are put behind others because they lost their places to those.
const APPEND_ROUNDS: u32 = 32;
/// How many records are written together: a transaction has room for them, for as what their subjects are counted, and for
/// the head and the counters.
pub const RECORDED_TOGETHER: usize = 40;

/// How many index entries are read to find the first record: what else is among them is passed over.
const FIRST: i32 = 10;
/// How many records are read to be deleted: as many as ten transactions delete, side by side.
const DELETED_AT_ONCE: i32 = 1_000;

/// A checkpoint as the table keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredCheckpoint {
    /// Its number, from 1.
    pub n: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The compact JWS.
    pub jws: String,
    /// On the JWS: whoever has the key needs no signing keys to know that it is genuine.
    pub mac: Hash,
}

impl Store {
    /// The audit trail has a record of each of `events`, behind all others of their chain, and the counters count them,
    /// once, however often this is asked for. All are in one chain, [`RECORDED_TOGETHER`] at most. A chain that retention
    /// removed gets no record any more.
    ///
    /// Guarded by the head of the chain standing as it was read, and by there being no such records.
    ///
    /// # Errors
    /// When the table fails, or where the head was changed by somebody else: nothing is chained to that.
    pub async fn record_audit(
        &self,
        (tenant, chain, key): (&TenantId, ChainId, &AuditKey),
        events: &[&Event],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut waiting: BTreeMap<EventId, &Event> = events.iter().map(|event| (event.id, *event)).collect();
        let head_key = Key::audit_head(tenant, chain);
        let mut stored: Option<SealedHead> = self.table.get(&head_key).await?;
        for _ in 0..APPEND_ROUNDS {
            let changed = || TrailError::from(Flaw::of(chain, Reason::HeadMismatch, None));
            let opened = |stored: &SealedHead| stored.open(key, (tenant, chain)).ok_or_else(changed);
            let head = stored.as_ref().map(opened).transpose()?;
            if waiting.is_empty() || head.is_some_and(|head| head.removed_by.is_some()) {
                return Ok(());
            }
            let mut batch: Vec<&Event> = waiting.values().copied().collect();
            batch.sort_by_key(|event| event.at);
            let mut last = head.map_or_else(|| (0, chain.start(tenant)), |head| (head.seq, head.hash));
            let mut writes = Vec::new();
            for event in &batch {
                let record = ChainedRecord::seal(AuditRecord::from(*event), last, key)?;
                last = (record.seq, record.hash);
                writes.push(put_record(&record)?);
            }
            let (seq, hash) = last;
            let next = SealedHead::seal(Head { seq, hash, at: now, removed_by: None }, key, (tenant, chain));
            writes.push(move_head(head_key.clone(), stored.as_ref(), &next)?);
            writes.extend(self.counting(tenant, &batch, now).await?);
            let Outcome::Refused(refused) = self.table.transact(writes).await? else { return Ok(()) };
            // What has its record already needs none. Where nothing else was refused, it was as what an account is counted.
            for refused in refused {
                match batch.get(refused.index) {
                    Some(event) => drop(waiting.remove(&event.id)),
                    None if refused.index == batch.len() => stored = refused.old.map(parse).transpose()?,
                    None => {}
                }
            }
        }
        Err(Fault::temporary("writing audit records", "others are written at the same time"))
    }

    /// The heads of the chains from `first` to `last`; a chain without a record has none.
    ///
    /// # Errors
    /// When the table fails, or one is not as this system wrote it.
    pub async fn audit_heads(
        &self,
        key: &AuditKey,
        tenant: &TenantId,
        (first, last): (ChainId, ChainId),
    ) -> Result<BTreeMap<ChainId, Head>, TrailError> {
        let range = Range {
            partition: key::audit_heads_of(tenant),
            from: Some(first.to_string()),
            to: Some(last.to_string()),
            ascending: true,
            ..Range::default()
        };
        let mut heads = BTreeMap::new();
        for item in self.table.query_all(range, usize::MAX).await? {
            // What stands where no chain's head does is read by nobody.
            let Some(chain) = text(&item, "SK").and_then(|it| it.parse().ok()) else { continue };
            let head = parse(item).ok().and_then(|it: SealedHead| it.open(key, (tenant, chain)));
            heads.insert(chain, head.ok_or_else(|| Flaw::of(chain, Reason::HeadMismatch, None))?);
        }
        Ok(heads)
    }

    /// When the first thing happened, from `from` on, of which the audit trail has a record.
    pub async fn first_audited(
        &self,
        tenant: &TenantId,
        from: Timestamp,
    ) -> Result<Option<Timestamp>, Fault> {
        let mut range = Range {
            index: Some(RECORDS),
            partition: key::records_of(tenant),
            from: Some(key::sortable(from)),
            ascending: true,
            limit: Some(FIRST),
            ..Range::default()
        };
        loop {
            let page = self.table.query(range.clone()).await?;
            for item in page.items.unwrap_or_default() {
                let place = text(&item, RECORDS.sk).unwrap_or_default();
                if Key::of(&item) == Some(Key::audit_at(tenant, &place)) {
                    return Ok(place.split('#').next().and_then(|at| at.parse().ok()));
                }
                tracing::error!(place, "what is no record stands among those of the audit trail");
            }
            range.after = page.last_evaluated_key;
            if range.after.is_none() {
                return Ok(None);
            }
        }
    }

    /// Everything that stands where the records of the chains from `first` to `last` do, all of one day.
    pub async fn kept_records(
        &self,
        tenant: &TenantId,
        (first, last): (ChainId, ChainId),
    ) -> Result<BTreeMap<ChainId, Vec<Kept>>, Fault> {
        let range = records_between(tenant, (first, last));
        let mut kept_records: BTreeMap<ChainId, Vec<Kept>> = BTreeMap::new();
        for item in self.table.query_all(range, usize::MAX).await? {
            kept_records.entry(chain_of(&item, first)).or_default().push(kept(item));
        }
        Ok(kept_records)
    }

    /// A page of the records of a day in order of time, behind the place `after`, and the place where it ends if there are
    /// more.
    pub async fn chained_records(
        &self,
        (tenant, day): (&TenantId, Date),
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(ChainId, Kept)>, Option<String>), Fault> {
        let range = records_between(tenant, (ChainId::first_of(day), ChainId::last_of(day)));
        let from = after.map(|after| format!("{after}~")).or(range.from);
        let page = self.table.query(Range { from, limit: i32::try_from(limit).ok(), ..range }).await?;
        let end = page.last_evaluated_key.as_ref().and_then(|it| text(it, "SK"));
        let records = page.items.unwrap_or_default().into_iter();
        Ok((records.map(|item| (chain_of(&item, ChainId::first_of(day)), kept(item))).collect(), end))
    }

    /// The newest checkpoint, if there is one.
    ///
    /// # Errors
    /// When the table fails, or that is not what this system said was the newest: it was changed, or there is a newer one.
    pub async fn newest_checkpoint(
        &self,
        key: &AuditKey,
        tenant: &TenantId,
    ) -> Result<Option<StoredCheckpoint>, TrailError> {
        let all = Range {
            partition: key::checkpoints_of(tenant),
            from: Some(key::sortable(Timestamp::UNIX_EPOCH)),
            // The head, which sorts behind all checkpoints, is none.
            to: Some(key::behind(Timestamp::MAX)),
            ..Range::default()
        };
        // Read before the head, which moves with each that is made: it is as new, or newer.
        let last = self.first_checkpoint(all).await?;
        let head = Key::checkpoint_head(tenant);
        let newest = self.table.batch_get(std::slice::from_ref(&head)).await?.remove(&head);
        let newest = newest.map(checkpoint).transpose()?;
        let is_behind = |last: &StoredCheckpoint| newest.as_ref().is_none_or(|it| it.place() < last.place());
        match last.filter(is_behind).as_ref().or(newest.as_ref().filter(|it| it.open(key, tenant).is_none()))
        {
            Some(wrong) => Err(wrong.mismatch().into()),
            None => Ok(newest),
        }
    }

    /// `next` is the newest checkpoint. Guarded by `last` being that until now; `false` if it is not any more.
    pub async fn add_checkpoint(
        &self,
        tenant: &TenantId,
        last: Option<&StoredCheckpoint>,
        next: &StoredCheckpoint,
    ) -> Result<bool, Fault> {
        let checkpoint =
            Write::put(Key::checkpoint(tenant, next.at, next.n), "checkpoint", next)?.unless_exists();
        let head = Write::put(Key::checkpoint_head(tenant), "checkpoint_head", next)?;
        let head = match last {
            None => head.unless_exists(),
            Some(last) => head.only_if("#mac = :last").value("last", last.mac)?,
        };
        Ok(matches!(self.table.transact(vec![checkpoint, head]).await?, Outcome::Written(())))
    }

    /// The checkpoints that were made from `from` to `to`, the first one first.
    pub async fn checkpoints(
        &self,
        tenant: &TenantId,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<StoredCheckpoint>, TrailError> {
        let range = Range {
            partition: key::checkpoints_of(tenant),
            from: Some(key::sortable(from)),
            to: Some(key::behind(to)),
            ascending: true,
            ..Range::default()
        };
        let items = self.table.query_all(range, usize::MAX).await?;
        Ok(items.into_iter().map(checkpoint).collect::<Result<_, _>>()?)
    }

    /// The last checkpoint that was made before `time`.
    pub async fn checkpoint_before(
        &self,
        tenant: &TenantId,
        time: Timestamp,
    ) -> Result<Option<StoredCheckpoint>, TrailError> {
        let range = Range {
            partition: key::checkpoints_of(tenant),
            from: Some(key::sortable(Timestamp::UNIX_EPOCH)),
            // Nothing of a checkpoint at that very time sorts below this.
            to: Some(key::sortable(time)),
            ..Range::default()
        };
        self.first_checkpoint(range).await
    }

    /// The first checkpoint that was made after `time`.
    pub async fn checkpoint_after(
        &self,
        tenant: &TenantId,
        time: Timestamp,
    ) -> Result<Option<StoredCheckpoint>, TrailError> {
        let range = Range {
            partition: key::checkpoints_of(tenant),
            from: Some(key::behind(time)),
            to: Some(key::behind(Timestamp::MAX)),
            ascending: true,
            ..Range::default()
        };
        self.first_checkpoint(range).await
    }

    /// The first checkpoint that `range` comes to.
    async fn first_checkpoint(&self, range: Range) -> Result<Option<StoredCheckpoint>, TrailError> {
        let items = self.table.query_all(Range { limit: Some(1), ..range }, 1).await?;
        Ok(items.into_iter().next().map(checkpoint).transpose()?)
    }

    /// Those checkpoints of `places` that are there, in one call for each hundred.
    pub async fn checkpoints_at(
        &self,
        tenant: &TenantId,
        places: &BTreeSet<CheckpointPlace>,
    ) -> Result<Vec<StoredCheckpoint>, TrailError> {
        let keys: Vec<Key> = places.iter().map(|it| Key::checkpoint(tenant, it.at, it.n)).collect();
        let mut found = Vec::new();
        for keys in keys.chunks(100) {
            found.extend(self.table.batch_get(keys).await?.into_values());
        }
        Ok(found.into_iter().map(checkpoint).collect::<Result<_, _>>()?)
    }

    /// The head `before` of a chain is `after`: a checkpoint says that the chain is removed. Guarded by the head standing as
    /// it was read.
    pub async fn close_chain(
        &self,
        key: &AuditKey,
        (tenant, chain): (&TenantId, ChainId),
        (before, after): (Head, Head),
    ) -> Result<(), Fault> {
        let seal = |head| SealedHead::seal(head, key, (tenant, chain));
        let write = move_head(Key::audit_head(tenant, chain), Some(&seal(before)), &seal(after))?;
        match self.table.transact(vec![write]).await? {
            Outcome::Written(()) => Ok(()),
            Outcome::Refused(_) => {
                Err(Fault::temporary("removing a day of the audit trail", "it grew meanwhile"))
            }
        }
    }

    /// The records of a day are deleted. Call it only once the heads of its chains say that they are removed.
    pub async fn remove_records(&self, tenant: &TenantId, day: Date) -> Result<(), Fault> {
        let range = Range {
            partition: key::audit_of(tenant, day),
            ascending: true,
            limit: Some(DELETED_AT_ONCE),
            ..Range::default()
        };
        loop {
            let items = self.table.query(range.clone()).await?.items.unwrap_or_default();
            let keys: Vec<Key> = items.iter().filter_map(Key::of).collect();
            if keys.is_empty() {
                return Ok(());
            }
            self.table.delete_all(&keys).await?;
        }
    }
}

/// What is to be read of the records of the chains from `first` to `last`, all of one day.
fn records_between(tenant: &TenantId, (first, last): (ChainId, ChainId)) -> Range {
    Range {
        partition: key::audit_of(tenant, first.day),
        from: Some(first.to_string()),
        // A tilde is above all that a time has in it.
        to: Some(format!("{last}~")),
        ascending: true,
        ..Range::default()
    }
}

/// Of which chain the item is a record, by its place; of `other`, where that is none.
fn chain_of(item: &Item, other: ChainId) -> ChainId {
    text(item, "SK").and_then(|place| place.get(..13)?.parse().ok()).unwrap_or(other)
}

/// A checkpoint, if the item can be understood as one.
fn checkpoint(item: Item) -> Result<StoredCheckpoint, Flaw> {
    let at = text(&item, "SK").and_then(|place| place.split('#').next()?.parse().ok());
    let chain = ChainId::at(at.unwrap_or(Timestamp::UNIX_EPOCH));
    parse(item).map_err(|_| Flaw::of(chain, Reason::CheckpointMismatch, None))
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned()
}

fn put_record(chained: &ChainedRecord) -> Result<Write, Fault> {
    let record = &chained.record;
    let mut write =
        Write::put(Key::audit(&record.tenant, record.at, record.id), "audit", chained)?.unless_exists();
    for (name, value) in history::places(record) {
        write = write.with(name, value)?;
    }
    Ok(write)
}

fn move_head(key: Key, from: Option<&SealedHead>, to: &SealedHead) -> Result<Write, Fault> {
    let write = Write::put(key, "audit_head", to)?;
    match from {
        None => Ok(write.unless_exists()),
        Some(head) => write.only_if("#mac = :mac").value("mac", head.mac()),
    }
}

/// A record as it was found.
pub(super) fn kept(item: Item) -> Kept {
    let id = text(&item, "SK").and_then(|place| place.rsplit_once('#')?.1.parse::<EventId>().ok());
    let (key, places) = (Key::of(&item), item.clone());
    let chained: Option<ChainedRecord> = parse(item).ok();
    let record = chained.as_ref().map(|chained| &chained.record);
    let is_in_place = record.map(|it| Key::audit(&it.tenant, it.at, it.id)) == key && key.is_some();
    let is_listed = record.is_some_and(|record| {
        let place = |name: &str| places.get(name).and_then(|value| value.as_s().ok());
        history::places(record).iter().all(|(name, value)| place(name) == value.as_ref())
    });
    Kept { id, chained, is_in_place, is_listed }
}
