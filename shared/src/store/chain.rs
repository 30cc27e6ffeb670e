//! The chains of the audit trail and their checkpoints: written so that nothing is left out between two of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Store;
use super::events::AuditRecord;
use super::history;
use super::key::{self, Key, RECORDS};
use super::table::{Outcome, Range, parse};
use super::write::{Item, Write};
use crate::chain::{
    self, AuditKey, ChainDay, ChainedRecord, CheckpointPlace, Flaw, Hash, Head, Kept, Reason, SealedHead,
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

/// How many records are read to be deleted: as many as one transaction deletes.
const DELETED_AT_ONCE: usize = 100;

/// A checkpoint as the table keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredCheckpoint {
    /// Its number, from 1.
    pub n: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The compact JWS.
    pub jws: String,
    /// On the hash of the JWS: whoever has the key needs no signing keys to know that it is genuine.
    pub mac: Hash,
}

/// How far checkpoints go: the newest one and the hash of its JWS.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckpointHead {
    /// The newest checkpoint.
    #[serde(flatten)]
    pub newest: StoredCheckpoint,
    /// Of its JWS.
    pub hash: Hash,
}

impl Store {
    /// The audit trail has a record of each of `events`, behind all others of their day, and the counters count them, once,
    /// however often this is asked for. All are in one chain, [`RECORDED_TOGETHER`] at most. A day that retention removed
    /// gets no record any more.
    ///
    /// Guarded by the head of the chain standing as it was read, and by there being no such records.
    ///
    /// # Errors
    /// When the table fails, or where the head was changed by somebody else: nothing is chained to that.
    pub async fn record_audit(
        &self,
        (tenant, day, key): (&TenantId, &ChainDay, &AuditKey),
        events: &[&Event],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut waiting: BTreeMap<EventId, &Event> = events.iter().map(|event| (event.id, *event)).collect();
        let head_key = Key::audit_head(tenant, day);
        let mut stored: Option<SealedHead> = self.table.get(&head_key).await?;
        for _ in 0..APPEND_ROUNDS {
            let opened = |stored: &SealedHead| stored.open(key, (tenant, day)).ok_or_else(|| changed(day));
            let head = stored.as_ref().map(opened).transpose()?;
            if waiting.is_empty() || head.is_some_and(|head| head.removed_by.is_some()) {
                return Ok(());
            }
            let mut batch: Vec<&Event> = waiting.values().copied().collect();
            batch.sort_by_key(|event| event.at);
            let (mut seq, mut hash) =
                head.map_or_else(|| (0, day.start(tenant)), |head| (head.seq, head.hash));
            let mut writes = Vec::new();
            for event in &batch {
                let record = AuditRecord::from(*event);
                (seq, hash) = (seq + 1, chain::hash(hash, &record)?);
                writes.push(put_record(&ChainedRecord { record, seq, hash, mac: key.mac(hash) })?);
            }
            let next = SealedHead::seal(Head { seq, hash, at: now, removed_by: None }, key, (tenant, day));
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

    /// The heads of these chains, in one call for each hundred; a chain without a record has none. If one is not as this
    /// system wrote it, that instead.
    pub async fn audit_heads(
        &self,
        key: &AuditKey,
        tenant: &TenantId,
        chains: &[ChainDay],
    ) -> Result<Result<BTreeMap<ChainDay, Head>, Flaw>, Fault> {
        let mut heads = BTreeMap::new();
        for chains in chains.chunks(100) {
            let keys: Vec<Key> = chains.iter().map(|chain| Key::audit_head(tenant, chain)).collect();
            let mut found = self.table.batch_get(&keys).await?;
            for (chain, place) in chains.iter().zip(&keys) {
                let Some(stored) = found.remove(place) else { continue };
                let head = parse(stored).ok().and_then(|it: SealedHead| it.open(key, (tenant, chain)));
                let Some(head) = head else {
                    return Ok(Err(Flaw::of(chain.clone(), Reason::HeadMismatch, None)));
                };
                heads.insert(chain.clone(), head);
            }
        }
        Ok(Ok(heads))
    }

    /// When the first thing happened, from `from` on, of which the audit trail has a record.
    pub async fn first_audited(
        &self,
        tenant: &TenantId,
        from: Timestamp,
    ) -> Result<Option<Timestamp>, Fault> {
        let range = Range {
            index: Some(RECORDS),
            partition: key::records_of(tenant),
            from: Some(key::sortable(from)),
            ascending: true,
            limit: Some(1),
            ..Range::default()
        };
        let items = self.table.query(range).await?.items.unwrap_or_default();
        let place = items.first().and_then(|item| item.get(RECORDS.sk)?.as_s().ok());
        Ok(place.and_then(|place| place.split('#').next()?.parse().ok()))
    }

    /// Everything that stands in a chain's partition but its head.
    pub async fn kept_records(&self, tenant: &TenantId, chain: &ChainDay) -> Result<Vec<Kept>, Fault> {
        let partition = key::audit_of(tenant, chain);
        let range = Range { partition, ascending: true, ..Range::default() };
        let items = self.table.query_all(range, usize::MAX).await?;
        let head = Key::audit_head(tenant, chain);
        Ok(items.into_iter().filter(|item| Key::of(item).as_ref() != Some(&head)).map(kept).collect())
    }

    /// A page of the records of a chain in order of time, behind the place `after`, and the place where it ends if
    /// there are more.
    pub async fn chained_records(
        &self,
        (tenant, chain): (&TenantId, &ChainDay),
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Kept>, Option<String>), Fault> {
        let range = Range {
            partition: key::audit_of(tenant, chain),
            from: Some(after.map_or_else(|| chain.day.to_string(), |after| format!("{after}~"))),
            to: Some(format!("{}~", chain.day)),
            ascending: true,
            limit: i32::try_from(limit).ok(),
            ..Range::default()
        };
        let page = self.table.query(range).await?;
        let end = page.last_evaluated_key.as_ref().and_then(|it| it.get("SK")?.as_s().ok().cloned());
        Ok((page.items.unwrap_or_default().into_iter().map(kept).collect(), end))
    }

    /// The newest checkpoint, if there is one.
    pub async fn checkpoint_head(&self, tenant: &TenantId) -> Result<Option<CheckpointHead>, Fault> {
        self.table.get(&Key::checkpoint_head(tenant)).await
    }

    /// `next` is the newest checkpoint. Guarded by `last` being that until now; `false` if it is not any more.
    pub async fn add_checkpoint(
        &self,
        tenant: &TenantId,
        last: Option<&CheckpointHead>,
        next: &CheckpointHead,
    ) -> Result<bool, Fault> {
        let StoredCheckpoint { n, at, .. } = next.newest;
        let checkpoint =
            Write::put(Key::checkpoint(tenant, at, n), "checkpoint", &next.newest)?.unless_exists();
        let head = Write::put(Key::checkpoint_head(tenant), "checkpoint_head", next)?;
        let head = match last {
            None => head.unless_exists(),
            Some(last) => head.only_if("#hash = :last").value("last", last.hash)?,
        };
        Ok(matches!(self.table.transact(vec![checkpoint, head]).await?, Outcome::Written(())))
    }

    /// The checkpoints that were made from `from` to `to`, the first one first.
    pub async fn checkpoints(
        &self,
        tenant: &TenantId,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<StoredCheckpoint>, Fault> {
        let range = Range {
            partition: key::checkpoints_of(tenant),
            from: Some(key::sortable(from)),
            to: Some(key::behind(to)),
            ascending: true,
            ..Range::default()
        };
        self.table.query_all(range, usize::MAX).await?.into_iter().map(parse).collect()
    }

    /// The last checkpoint that was made before `time`.
    pub async fn checkpoint_before(
        &self,
        tenant: &TenantId,
        time: Timestamp,
    ) -> Result<Option<StoredCheckpoint>, Fault> {
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
    ) -> Result<Option<StoredCheckpoint>, Fault> {
        let range = Range {
            partition: key::checkpoints_of(tenant),
            from: Some(key::behind(time)),
            // The head, which sorts behind all checkpoints, is none.
            to: Some(key::behind(Timestamp::MAX)),
            ascending: true,
            ..Range::default()
        };
        self.first_checkpoint(range).await
    }

    /// The first checkpoint that `range` comes to.
    async fn first_checkpoint(&self, range: Range) -> Result<Option<StoredCheckpoint>, Fault> {
        let items = self.table.query_all(Range { limit: Some(1), ..range }, 1).await?;
        items.into_iter().next().map(parse).transpose()
    }

    /// Those checkpoints of `places` that are there, in one call for each hundred.
    pub async fn checkpoints_at(
        &self,
        tenant: &TenantId,
        places: &BTreeSet<CheckpointPlace>,
    ) -> Result<Vec<StoredCheckpoint>, Fault> {
        let keys: Vec<Key> = places.iter().map(|it| Key::checkpoint(tenant, it.at, it.n)).collect();
        let mut found = Vec::new();
        for keys in keys.chunks(100) {
            found.extend(self.table.batch_get(keys).await?.into_values());
        }
        found.into_iter().map(parse).collect()
    }

    /// The head `before` of a chain is `after`: a checkpoint says that the chain is removed. Guarded by the head standing as
    /// it was read.
    pub async fn close_chain(
        &self,
        key: &AuditKey,
        (tenant, chain): (&TenantId, &ChainDay),
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

    /// So many records of a chain are deleted, all of them if there are no more. Call it only once its head says that it is
    /// removed.
    pub async fn remove_records(
        &self,
        tenant: &TenantId,
        chain: &ChainDay,
        most: usize,
    ) -> Result<usize, Fault> {
        let head = Key::audit_head(tenant, chain);
        let mut deleted = 0;
        while deleted < most {
            let range = Range {
                partition: key::audit_of(tenant, chain),
                ascending: true,
                limit: i32::try_from((most - deleted).min(DELETED_AT_ONCE)).ok(),
                ..Range::default()
            };
            // The head sorts behind all records.
            let items = self.table.query(range).await?.items.unwrap_or_default();
            let keys: Vec<Key> = items.iter().filter_map(Key::of).filter(|key| *key != head).collect();
            if keys.is_empty() {
                break;
            }
            self.table.delete_all(&keys).await?;
            deleted += keys.len();
        }
        Ok(deleted)
    }
}

/// What keeps anything from being chained to a head that somebody else wrote.
fn changed(day: &ChainDay) -> Fault {
    Flaw::of(day.clone(), Reason::HeadMismatch, None).into()
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
fn kept(item: Item) -> Kept {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let id = text("SK").and_then(|place| place.rsplit_once('#')?.1.parse::<EventId>().ok());
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
