//! The chains of the audit trail and their checkpoints: written so that nothing is left out between two of them.

use serde::{Deserialize, Serialize};

use super::Store;
use super::events::AuditRecord;
use super::history;
use super::key::{self, Key};
use super::table::{Outcome, Range, parse};
use super::write::{Item, Write};
use crate::chain::{self, AuditKey, ChainDay, ChainedRecord, Hash, Head, Kept};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::{EventId, TenantId};

/// How often a record is put behind another one because it lost its place to that.
const APPEND_ROUNDS: u32 = 32;
/// Where in its transaction a record stands.
const RECORD: usize = 0;
/// Where in that transaction the head stands.
const HEAD_OF_DAY: usize = 1;

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
    /// The audit trail has a record of `event`, behind all others of its day, and the counters count it, once,
    /// however often this is asked for.
    ///
    /// Guarded by the head of the day's chain standing as it was read, and by there being no such record.
    pub async fn record_audit(&self, key: &AuditKey, event: &Event, now: Timestamp) -> Result<(), Fault> {
        let (record, day) = (AuditRecord::from(event), ChainDay::at(event.at));
        let head_key = Key::audit_head(&event.tenant, &day);
        let mut head: Option<Head> = self.table.get(&head_key).await?;
        for _ in 0..APPEND_ROUNDS {
            let previous = head.map_or_else(|| day.start(&event.tenant), |head| head.hash);
            let hash = chain::hash(previous, &record)?;
            let next = Head { seq: head.map_or(0, |head| head.seq) + 1, hash, at: now };
            let chained = ChainedRecord { record: record.clone(), seq: next.seq, hash, mac: key.mac(hash) };
            let mut writes = vec![put_record(&chained)?, move_head(head_key.clone(), head.as_ref(), &next)?];
            writes.extend(self.counting(event, now).await?);
            let Outcome::Refused(refused) = self.table.transact(writes).await? else { return Ok(()) };
            if refused.iter().any(|it| it.index == RECORD) {
                return Ok(());
            }
            // Where it was not the head that moved, it was as what the account is counted.
            if let Some(moved) = refused.into_iter().find(|it| it.index == HEAD_OF_DAY) {
                head = moved.old.map(parse).transpose()?;
            }
        }
        Err(Fault::temporary("writing an audit record", "others are written at the same time"))
    }

    /// The heads of these chains, in one call for each hundred; a chain without a record has none.
    pub async fn audit_heads(
        &self,
        tenant: &TenantId,
        chains: &[ChainDay],
    ) -> Result<Vec<(ChainDay, Head)>, Fault> {
        let mut heads = Vec::new();
        for chains in chains.chunks(100) {
            let keys: Vec<Key> = chains.iter().map(|chain| Key::audit_head(tenant, chain)).collect();
            let mut found = self.table.batch_get(&keys).await?;
            for (chain, key) in chains.iter().zip(&keys) {
                if let Some(head) = found.remove(key) {
                    heads.push((chain.clone(), parse(head)?));
                }
            }
        }
        Ok(heads)
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
    ) -> Result<(Vec<ChainedRecord>, Option<String>), Fault> {
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
        let records = page.items.unwrap_or_default().into_iter().map(parse).collect::<Result<_, _>>()?;
        Ok((records, end))
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

    /// Nothing is left of a chain. Call it only once a checkpoint says that it was removed.
    pub async fn remove_chain(&self, tenant: &TenantId, chain: &ChainDay) -> Result<(), Fault> {
        let range = Range { partition: key::audit_of(tenant, chain), ..Range::default() };
        let keys: Vec<Key> =
            self.table.query_all(range, usize::MAX).await?.iter().filter_map(Key::of).collect();
        // The head goes last: as long as it is there, the chain is found and its removal goes on.
        let head = Key::audit_head(tenant, chain);
        let records: Vec<Key> = keys.into_iter().filter(|key| *key != head).collect();
        self.table.delete_all(&records).await?;
        self.table.delete_all(&[head]).await
    }
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

fn move_head(key: Key, from: Option<&Head>, to: &Head) -> Result<Write, Fault> {
    let write = Write::put(key, "audit_head", to)?;
    match from {
        None => Ok(write.unless_exists()),
        Some(head) => {
            write.only_if("#seq = :seq AND #hash = :hash").value("seq", head.seq)?.value("hash", head.hash)
        }
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
