//! Compares accounts with the counters they are members of, and corrects the counters.

use std::collections::HashMap;

use super::Store;
use super::counters::{Recount, moved, recount};
use super::erasure::Receipt;
use super::events::outbox;
use super::key::{self, Key};
use super::overdue::OverduePage;
use super::table::{Outcome, Range, parse};
use super::users::{Place, text};
use super::write::{Item, Write};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::{TenantId, UserId};
use crate::reconciliation::{Account, Walk};
use crate::tally::Tally;

/// What keeps the place where the walk goes on.
const STEP: &str = "counters";
/// Accounts of a page: one call reads them, and one transaction may count them all.
const PAGE: i32 = 90;

/// An account, as far as it can be understood, and whose it is.
pub(crate) type Walked = (UserId, Result<Account, Fault>);

impl Store {
    /// Where the walk goes on.
    pub async fn walk(&self) -> Result<Walk, Fault> {
        Ok(self.table.get(&Key::clean_up(STEP)).await?.unwrap_or_default())
    }

    /// The walk goes on at `walk`. Of two runs at once the last one has its way: accounts are looked at twice.
    pub async fn keep_walk(&self, walk: &Walk) -> Result<(), Fault> {
        let write = Write::put(Key::clean_up(STEP), "clean_up", walk)?;
        self.table.transact(vec![write]).await.map(drop)
    }

    /// A page of a tenant's accounts at `walk`, and where the next page is, if there is one.
    pub async fn walked(&self, tenant: &TenantId, walk: &Walk) -> Result<(Vec<Walked>, Option<Walk>), Fault> {
        match walk {
            Walk::Listed { after } => {
                let listed = key::users_of(tenant, None, None).1;
                let OverduePage { users, next } =
                    self.overdue(listed, Timestamp::MAX, (after.as_ref(), PAGE)).await?;
                let keys: Vec<Key> =
                    users.iter().map(|(place, _)| Key::counted(tenant, place.user)).collect();
                let mut counted = self.items(&keys).await?;
                let accounts = users.into_iter().zip(&keys).map(|((Place { user: id, .. }, user), key)| {
                    let counted = counted.remove(key).map(parse).transpose();
                    let account = user.and_then(|user| {
                        Ok(Account { id, user: Some(user), erased_at: None, counted: counted? })
                    });
                    (id, account)
                });
                let next = next.map_or_else(Walk::counted, |place| Walk::Listed { after: Some(place) });
                Ok((accounts.collect(), Some(next)))
            }
            Walk::Counted { after } => {
                let range = Range {
                    partition: key::counted_of(tenant),
                    ascending: true,
                    after: after.map(|user| Key::counted(tenant, user).attributes()),
                    limit: Some(PAGE),
                    ..Range::default()
                };
                let page = self.table.query(range).await?;
                let ids = |item: &Item| text(item, "SK")?.parse::<UserId>().ok();
                let counted: Vec<(UserId, Item)> = page
                    .items
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|item| Some((ids(&item)?, item)))
                    .collect();
                let next = page.last_evaluated_key.as_ref().and_then(ids);
                let next = next.map(|user| Walk::Counted { after: Some(user) });
                Ok((self.counted_accounts(counted).await?, next))
            }
        }
    }

    /// The accounts of what is counted, those among them that are gone.
    async fn counted_accounts(&self, counted: Vec<(UserId, Item)>) -> Result<Vec<Walked>, Fault> {
        let users: Vec<Key> = counted.iter().map(|(user, _)| Key::user(*user)).collect();
        let mut users = self.items(&users).await?;
        let is_gone = |user: &UserId| !users.contains_key(&Key::user(*user));
        let receipts = counted.iter().map(|(user, _)| user).filter(|user| is_gone(user));
        let receipts: Vec<Key> = receipts.map(|user| Key::erased(*user)).collect();
        let mut receipts = self.items(&receipts).await?;
        let mut account = |id, counted| {
            let receipt: Option<Receipt> = receipts.remove(&Key::erased(id)).map(parse).transpose()?;
            Ok(Account {
                id,
                user: users.remove(&Key::user(id)).map(parse).transpose()?,
                erased_at: receipt.map(|receipt| receipt.at),
                counted: Some(parse(counted)?),
            })
        };
        Ok(counted.into_iter().map(|(id, counted)| (id, account(id, counted))).collect())
    }

    async fn items(&self, keys: &[Key]) -> Result<HashMap<Key, Item>, Fault> {
        if keys.is_empty() { Ok(HashMap::new()) } else { self.table.batch_get(keys).await }
    }

    /// These accounts, of one page, are counted as they are to be, and `event` is told, if it makes a difference.
    ///
    /// Guarded by each being counted as it was read; `false` if one is not any more.
    pub async fn recount(
        &self,
        (tenant, accounts): (&TenantId, &[Recount]),
        event: Option<&Event>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut writes = recount(tenant, accounts, now)?;
        writes.extend(event.map(outbox).transpose()?);
        Ok(matches!(self.table.transact(writes).await?, Outcome::Written(())))
    }

    /// `difference` is added to the counters of the event's tenant, and that is told.
    ///
    /// Guarded by the counters having moved so often and no more; `false` if they did.
    pub async fn mend(&self, difference: &Tally, moves: i64, event: &Event) -> Result<bool, Fault> {
        let counters = moved(&event.tenant, difference)
            .only_if("attribute_not_exists(#moves) OR #moves = :moves")
            .value("moves", moves)?;
        Ok(matches!(self.table.transact(vec![counters, outbox(event)?]).await?, Outcome::Written(())))
    }
}
