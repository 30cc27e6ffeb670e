//! A person's history: the audit records of what was done to them and of what they did.
//!
//! A record stands in an index under the one it is about, and under its actor where that is another. An index
//! holds keys only; the records are read by them.

use futures::future::try_join;

use super::Store;
use super::chain::kept;
use super::events::AuditRecord;
use super::key::{self, DONE_BY, DONE_TO, Index, Key, RECORDS, RECORDS_OF_TYPE};
use super::table::Range;
use super::write::Item;
use crate::chain::Kept;
use crate::fault::Fault;
use crate::id::UserId;

/// How many records one call reads.
const READ_AT_ONCE: usize = 100;

/// The attributes that put `record` into the lists of its tenant and the histories of those whom it has to do
/// with.
pub(super) fn places(record: &AuditRecord) -> [(&'static str, Option<String>); 5] {
    let to = record.subject.or(record.actor);
    let by = record.actor.filter(|actor| to != Some(*actor));
    [
        (DONE_TO.pk, to.map(key::history_of)),
        (DONE_BY.pk, by.map(key::history_of)),
        (RECORDS.pk, Some(key::records_of(&record.tenant))),
        (RECORDS_OF_TYPE.pk, Some(key::records_of_type(&record.tenant, record.event_type))),
        (RECORDS.sk, Some(key::by_time(record.at, record.id))),
    ]
}

impl Store {
    /// The newest `most` records that have to do with `user`, the newest first, as they are found, and whether these are all
    /// there are. The last moment may be missing.
    pub async fn history(&self, user: UserId, most: usize) -> Result<(Vec<Kept>, bool), Fault> {
        let found = |index: Index| {
            // One more than asked for tells whether there are more.
            let limit = i32::try_from(most + 1).ok();
            let partition = key::history_of(user);
            self.table.query_all(Range { index: Some(index), partition, limit, ..Range::default() }, most + 1)
        };
        let (done_to, done_by) = try_join(found(DONE_TO), found(DONE_BY)).await?;
        let mut items = [done_to, done_by].concat();
        items.sort_by_cached_key(|item| std::cmp::Reverse(time(item)));
        let complete = items.len() <= most;
        items.truncate(most);
        let keys: Vec<Key> = items.iter().filter_map(Key::of).collect();
        let mut records = Vec::with_capacity(keys.len());
        for keys in keys.chunks(READ_AT_ONCE) {
            let mut read = self.table.batch_get(keys).await?;
            records.extend(keys.iter().filter_map(|key| read.remove(key)).map(kept));
        }
        Ok((records, complete))
    }
}

fn time(item: &Item) -> Option<String> {
    item.get(DONE_TO.sk)?.as_s().ok().cloned()
}
