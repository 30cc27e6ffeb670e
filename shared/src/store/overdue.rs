//! What has had its time: accounts that were deleted, or made, long enough ago, and whatever has expired.

use super::Store;
use super::key::{self, BY_CREATION, Key};
use super::table::{Outcome, Range, Scan, Segment, parse};
use super::users::Place;
use super::write::{Write, attribute};
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::id::TenantId;
use crate::user::User;

/// What keeps the place up to which the accounts were looked at, whether they are verified.
const VERIFICATION: &str = "unverified";
/// What keeps the segment up to which the table was looked through for what expired.
const EXPIRY: &str = "expired";
/// How many accounts a page has: as many as one call reads.
const PAGE: i32 = 100;

/// A page of accounts, the earliest first.
#[derive(Debug, Default)]
pub struct OverduePage {
    /// The accounts, each with its place, as far as they can be understood; whoever was erased since an index named them
    /// is left out.
    pub users: Vec<(Place, Result<User, Fault>)>,
    /// The last place of the page, where there may be more behind it.
    pub next: Option<Place>,
}

impl Store {
    /// Accounts of `tenant` that were deleted before `time`, behind `after`.
    pub async fn deleted_before(
        &self,
        tenant: &TenantId,
        time: Timestamp,
        after: Option<&Place>,
    ) -> Result<OverduePage, Fault> {
        self.overdue(key::deleted_of(tenant), time, after).await
    }

    /// Accounts of `tenant` that were made before `time` and are not deleted, behind `after`.
    pub async fn created_before(
        &self,
        tenant: &TenantId,
        time: Timestamp,
        after: Option<&Place>,
    ) -> Result<OverduePage, Fault> {
        self.overdue(key::users_of(tenant, None, None).1, time, after).await
    }

    /// The place up to which accounts were looked at, whether they are verified.
    pub async fn verification_place(&self) -> Result<Option<Place>, Fault> {
        self.table.get(&Key::clean_up(VERIFICATION)).await
    }

    /// Accounts were looked at up to `place`. Of two runs at once the last one has its way: what lies between is looked
    /// at twice.
    pub async fn keep_verification_place(&self, place: &Place) -> Result<(), Fault> {
        let write = Write::put(Key::clean_up(VERIFICATION), "clean_up", place)?;
        self.table.transact(vec![write]).await.map(drop)
    }

    /// The segment of the table that was last looked through for what expired.
    pub async fn expiry_place(&self) -> Result<Option<Segment>, Fault> {
        self.table.get(&Key::clean_up(EXPIRY)).await
    }

    /// `segment` was looked through. Of two runs at once the last one has its way: segments are looked through twice.
    pub async fn keep_expiry_place(&self, segment: Segment) -> Result<(), Fault> {
        let write = Write::put(Key::clean_up(EXPIRY), "clean_up", &segment)?;
        self.table.transact(vec![write]).await.map(drop)
    }

    /// The keys of what expired before `time` in a segment of the table.
    pub async fn expired_before(&self, time: Timestamp, segment: Segment) -> Result<Vec<Key>, Fault> {
        let values = [(":time", attribute(time.as_second())?)];
        // Only this is read; `template.yaml` allows no more.
        let scan = Scan { segment, filter: "#expires_at < :time", read: "#PK, #SK", values: &values };
        Ok(self.table.scan(scan).await?.iter().filter_map(Key::of).collect())
    }

    /// The item at `key` is gone; `false` if it was, or is not to go any more.
    ///
    /// Guarded by its having expired before `time`.
    pub async fn forget(&self, key: &Key, time: Timestamp) -> Result<bool, Fault> {
        let delete =
            Write::delete(key.clone()).only_if("#expires_at < :time").value("time", time.as_second())?;
        Ok(matches!(self.table.transact(vec![delete]).await?, Outcome::Written(())))
    }

    async fn overdue(
        &self,
        partition: String,
        time: Timestamp,
        after: Option<&Place>,
    ) -> Result<OverduePage, Fault> {
        let range = Range {
            index: Some(BY_CREATION),
            after: after.map(|place| place.start(BY_CREATION, &partition)),
            partition,
            ascending: true,
            limit: Some(PAGE),
            ..Range::default()
        };
        let page = self.table.query(range).await?;
        let items = page.items.unwrap_or_default();
        let end = key::sortable(time);
        let places = items.iter().filter_map(|item| Place::of(BY_CREATION, item));
        let places: Vec<Place> = places.take_while(|place| place.sort < end).collect();
        if places.is_empty() {
            return Ok(OverduePage::default());
        }
        let more = page.last_evaluated_key.is_some() && places.len() == items.len();
        let next = places.last().cloned().filter(|_| more);
        let keys: Vec<Key> = places.iter().map(|place| Key::user(place.user)).collect();
        let mut found = self.table.batch_get(&keys).await?;
        let mut users = Vec::new();
        for (place, key) in places.into_iter().zip(&keys) {
            if let Some(item) = found.remove(key) {
                users.push((place, parse(item)));
            }
        }
        Ok(OverduePage { users, next })
    }
}
