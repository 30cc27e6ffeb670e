//! What has had its time: accounts that were deleted, or made, long enough ago, and whatever has expired.

use serde::{Deserialize, Serialize};

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
/// How many accounts a page has.
const PAGE: i32 = 100;
/// How many accounts one call reads.
const READ_AT_ONCE: usize = 100;

/// A page of accounts, the earliest first.
#[derive(Debug)]
pub struct OverduePage {
    /// The accounts, each with its place, as far as they can be understood; whoever was erased since an index named them
    /// is left out.
    pub users: Vec<(Place, Result<User, Fault>)>,
    /// The last place of the page, where there may be more behind it.
    pub next: Option<Place>,
}

/// How far accounts were looked at, whether they are verified.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerificationPlace {
    /// The last one that was looked at.
    #[serde(flatten)]
    pub after: Place,
    /// Those before it that are still to be erased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<Place>,
}

impl Store {
    /// Accounts of `tenant` that were deleted before `time`, behind `after`.
    pub async fn deleted_before(
        &self,
        tenant: &TenantId,
        time: Timestamp,
        after: Option<&Place>,
    ) -> Result<OverduePage, Fault> {
        self.overdue(key::deleted_of(tenant), time, (after, PAGE)).await
    }

    /// Accounts of `tenant` that were made before `time` and are not deleted, behind `after`.
    pub async fn created_before(
        &self,
        tenant: &TenantId,
        time: Timestamp,
        after: Option<&Place>,
    ) -> Result<OverduePage, Fault> {
        self.overdue(key::users_of(tenant, None, None).1, time, (after, PAGE)).await
    }

    /// The place up to which accounts were looked at, whether they are verified.
    pub async fn verification_place(&self) -> Result<Option<VerificationPlace>, Fault> {
        self.table.get(&Key::clean_up(VERIFICATION)).await
    }

    /// Accounts were looked at up to `place`. Of two runs at once the last one has its way: what lies between is looked
    /// at twice.
    pub async fn keep_verification_place(&self, place: &VerificationPlace) -> Result<(), Fault> {
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

    /// The accounts at these places.
    pub async fn again(&self, places: &[Place]) -> Result<OverduePage, Fault> {
        Ok(OverduePage { users: self.users_at(places).await?, next: None })
    }

    /// Accounts of a partition of the index that stand there with a time before `time`, a number of them behind a place.
    pub(super) async fn overdue(
        &self,
        partition: String,
        time: Timestamp,
        (after, limit): (Option<&Place>, i32),
    ) -> Result<OverduePage, Fault> {
        let range = Range {
            index: Some(BY_CREATION),
            after: after.map(|place| place.start(BY_CREATION, &partition)),
            partition,
            ascending: true,
            limit: Some(limit),
            ..Range::default()
        };
        let page = self.table.query(range).await?;
        let items = page.items.unwrap_or_default();
        let end = key::sortable(time);
        let places = items.iter().filter_map(|item| Place::of(BY_CREATION, item));
        let places: Vec<Place> = places.take_while(|place| place.sort < end).collect();
        let more = page.last_evaluated_key.is_some() && places.len() == items.len();
        let next = places.last().cloned().filter(|_| more);
        Ok(OverduePage { users: self.users_at(&places).await?, next })
    }

    async fn users_at(&self, places: &[Place]) -> Result<Vec<(Place, Result<User, Fault>)>, Fault> {
        let mut users = Vec::new();
        for places in places.chunks(READ_AT_ONCE) {
            let keys: Vec<Key> = places.iter().map(|place| Key::user(place.user)).collect();
            let mut found = self.table.batch_get(&keys).await?;
            let found = places.iter().zip(&keys).filter_map(|(place, key)| Some((place, found.remove(key)?)));
            users.extend(found.map(|(place, item)| (place.clone(), parse(item))));
        }
        Ok(users)
    }
}
