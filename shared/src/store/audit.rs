//! The audit trail as auditors read it: records newest first, by any combination of type, person and time.
//!
//! A question is answered from index partitions whose records are merged: that of the tenant, those of the types
//! asked for, or those of a person, of whom everything is read and filtered. However far a list goes, a page reads
//! a bounded number of index entries; where that is not enough to fill it, the page is short and the next one
//! goes on where it ended.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use serde::Serialize;

use super::Store;
use super::chain::kept;
use super::key::{self, DONE_BY, DONE_TO, Index, Key, RECORDS, RECORDS_OF_TYPE};
use super::table::{Range, parse};
use crate::chain::Kept;
use crate::clock::Timestamp;
use crate::event::EventType;
use crate::fault::Fault;
use crate::id::{TenantId, UserId};
use crate::privacy::PrivacyKey;
use crate::user::User;

/// How many index entries are filtered in one call, and in how many calls at most.
const FILTERED: (usize, usize) = (1_000, 5);
/// How far records are counted that no counter counts.
const COUNTED: usize = 1_000;

/// Which records of a tenant's audit trail.
#[derive(Clone, Debug, Serialize)]
pub struct AuditFilter {
    /// Whose.
    pub tenant: TenantId,
    /// Only of these types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<EventType>>,
    /// Only events that this user caused, or that concern them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Not after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// A page of records, newest first.
#[derive(Debug, Default)]
pub struct AuditPage {
    /// The records, as they were found.
    pub records: Vec<Kept>,
    /// The place behind which the next page begins, if there is one.
    pub next: Option<String>,
}

/// What was found in index partitions.
#[derive(Default)]
struct Found {
    /// Each record's place in time and its key.
    places: Vec<(String, Key)>,
    /// How far everything was read; nothing, where that is to the end.
    read_to: Option<String>,
}

impl AuditFilter {
    /// The index partitions that have the records.
    fn sources(&self) -> Vec<(Index, String)> {
        if let Some(user) = self.user {
            return vec![(DONE_TO, key::history_of(user)), (DONE_BY, key::history_of(user))];
        }
        match &self.types {
            None => vec![(RECORDS, key::records_of(&self.tenant))],
            Some(types) => {
                let partition = |it: &EventType| (RECORDS_OF_TYPE, key::records_of_type(&self.tenant, *it));
                types.iter().map(partition).collect()
            }
        }
    }

    /// What is to be read of a source, from the place `after` on.
    fn range(&self, (index, partition): (Index, String), after: Option<&str>) -> Range {
        let types = self.types.iter().flatten().filter(|_| self.user.is_some());
        let to = after.map_or_else(|| key::behind(self.to.unwrap_or(Timestamp::MAX)), str::to_owned);
        Range {
            index: Some(index),
            partition,
            from: Some(key::sortable(self.from.unwrap_or(Timestamp::UNIX_EPOCH))),
            to: Some(to),
            types: types.map(|it| it.name()).collect(),
            ..Range::default()
        }
    }

    /// Whether no record can be meant.
    fn is_empty(&self) -> bool {
        let ends_before_it_begins = self.from.zip(self.to).is_some_and(|(from, to)| from > to);
        ends_before_it_begins || self.types.as_ref().is_some_and(Vec::is_empty)
    }
}

impl Store {
    /// A page of records behind the place `after`, `skip` of them passed over. The last moment may be missing.
    pub async fn audit_records(
        &self,
        filter: &AuditFilter,
        after: Option<&str>,
        (skip, limit): (usize, usize),
    ) -> Result<AuditPage, Fault> {
        // One more than asked for tells whether there is a next page.
        let found = self.find(filter, after, skip + limit + 1).await?;
        let more = found.places.len() > skip + limit;
        let page: Vec<(String, Key)> = found.places.into_iter().skip(skip).take(limit).collect();
        let next = if more { page.last().map(|(place, _)| place.clone()) } else { found.read_to };
        let keys: Vec<Key> = page.into_iter().map(|(_, key)| key).collect();
        if keys.is_empty() {
            return Ok(AuditPage { records: Vec::new(), next });
        }
        let mut items = self.table.batch_get(&keys).await?;
        let records = keys.iter().filter_map(|key| items.remove(key)).map(kept).collect();
        Ok(AuditPage { records, next })
    }

    /// How many records there are: as counted when they were written, where neither a person nor a time is asked
    /// for; otherwise as found, 1,000 at most.
    pub async fn count_audit_records(&self, filter: &AuditFilter) -> Result<u64, Fault> {
        if filter.user.is_some() || filter.from.is_some() || filter.to.is_some() {
            let found = self.find(filter, None, COUNTED).await?;
            return Ok(found.places.len().min(COUNTED) as u64);
        }
        let ever = self.events_ever(&filter.tenant).await?;
        let types = filter.types.as_deref().unwrap_or(EventType::ALL).iter();
        let total: i64 = types.filter_map(|it| ever.get(it.name())).sum();
        Ok(u64::try_from(total).unwrap_or_default())
    }

    /// The keys that open what is kept of these people; whoever was erased has none. There may be a hundred.
    pub async fn privacy_keys(&self, users: BTreeSet<UserId>) -> Result<BTreeMap<UserId, PrivacyKey>, Fault> {
        let keys: Vec<Key> = users.into_iter().map(Key::user).collect();
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let items = self.table.batch_get(&keys).await?.into_values();
        items.map(|item| parse::<User>(item).map(|user| (user.id, user.privacy_key))).collect()
    }

    /// The newest records behind `after`, at least `wanted` of them if there are so many and few enough are to be
    /// filtered out.
    async fn find(&self, filter: &AuditFilter, after: Option<&str>, wanted: usize) -> Result<Found, Fault> {
        if filter.is_empty() {
            return Ok(Found::default());
        }
        let ranges = filter.sources().into_iter().map(|source| filter.range(source, after));
        let found = try_join_all(ranges.map(|range| self.find_in(&filter.tenant, range, wanted))).await?;
        // Behind the place to which one source was read, another may still have something.
        let read_to = found.iter().filter_map(|it| it.read_to.clone()).max();
        let is_certain = |place: &String| {
            after.is_none_or(|after| place.as_str() < after)
                && read_to.as_ref().is_none_or(|read_to| place >= read_to)
        };
        let places = found.into_iter().flat_map(|it| it.places);
        let mut places: Vec<_> = places.filter(|(place, _)| is_certain(place)).collect();
        places.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        Ok(Found { places, read_to })
    }

    /// The newest records of one source, as [`Store::find`] asks for them.
    async fn find_in(&self, tenant: &TenantId, mut range: Range, wanted: usize) -> Result<Found, Fault> {
        let Some(index) = range.index else { return Ok(Found::default()) };
        // One more, since the place behind which the page begins is read again.
        let (limit, rounds) = if range.types.is_empty() { (wanted + 1, 1) } else { FILTERED };
        range.limit = i32::try_from(limit).ok();
        let mut found = Found::default();
        for _ in 0..rounds {
            let page = self.table.query(range.clone()).await?;
            for item in page.items.unwrap_or_default() {
                let place = item.get(index.sk).and_then(|it| it.as_s().ok()).cloned();
                // A person's history may reach into other tenants. And what else stands there is no record.
                let record = place.map(|place| (Key::audit_at(tenant, &place), place));
                let record = record.filter(|(key, _)| Key::of(&item).as_ref() == Some(key));
                found.places.extend(record.map(|(key, place)| (place, key)));
            }
            found.read_to =
                page.last_evaluated_key.as_ref().and_then(|it| it.get(index.sk)?.as_s().ok().cloned());
            range.after = page.last_evaluated_key;
            if range.after.is_none() || found.places.len() > wanted {
                break;
            }
        }
        Ok(found)
    }
}
