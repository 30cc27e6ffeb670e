//! Accounts that are made in one transaction, one of them or many: each with its address claimed, its user name,
//! if it has one, and its event.

use std::collections::{BTreeMap, BTreeSet};

use super::Store;
use super::events::outbox;
use super::key::Key;
use super::table::Outcome;
use super::users::{claim_username, listing};
use super::write::Write;
use crate::bulk::Order;
use crate::credential::Credential;
use crate::email::Email;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::UserId;
use crate::name::Username;
use crate::role::Role;
use crate::user::{Status, User};

/// An account to be.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Whose it is.
    pub user: User,
    /// What their address must show to sign in.
    pub credential: Credential,
    /// What is told of it.
    pub event: Event,
}

/// What an account has and no other does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unique {
    /// Its address.
    Email(Email),
    /// Its user name.
    Username(Username),
}

/// What of an account is another's. Of an account whose address is taken, nothing else matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Taken {
    /// The address has an account.
    Email,
    /// The user name is another's.
    Username,
}

/// What became of accounts that were to be added together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// They exist.
    Added,
    /// Nothing was written: one of them claims what is another's.
    Taken,
    /// Nothing was written: whoever ordered them may no longer.
    ActorChanged,
}

/// Which writes of a transaction were refused.
pub(super) struct Refusals {
    /// The accounts, by their place.
    pub(super) accounts: BTreeMap<usize, Taken>,
    /// The other writes, by their place.
    pub(super) others: Vec<usize>,
}

/// The writes that make an account, each with what is taken where it is refused.
pub(super) type AccountWrites = Vec<(Taken, Write)>;

/// The condition that an address has no account.
pub(super) const UNCLAIMED: &str = "attribute_not_exists(#user_id)";

/// The writes that make this account.
pub(super) fn account_writes(
    user: &User,
    credential: &Credential,
    event: &Event,
) -> Result<AccountWrites, Fault> {
    let mut record = Write::put(Key::user(user.id), "user", user)?.unless_exists();
    for (name, value) in listing(user) {
        record = record.with(name, value)?;
    }
    let claim = Write::put(Key::credential(&user.email), "credential", credential)?
        .with("privacy_key", &user.privacy_key)?
        .only_if(UNCLAIMED)
        .unseen();
    let mut writes = vec![(Taken::Email, claim), (Taken::Email, record), (Taken::Email, outbox(event)?)];
    if let Some(name) = &user.username {
        writes.push((Taken::Username, claim_username(name, user.id)?));
    }
    Ok(writes)
}

/// The write that asks that `actor` has this role and may use it, as [`User::is_let_in`] says.
pub(super) fn still(actor: UserId, role: &Role) -> Result<Write, Fault> {
    Write::check(Key::user(actor))
        .only_if("#role = :role AND #status = :status")
        .only_if("attribute_exists(#verified_at) AND attribute_exists(#approval)")
        .value("role", role)?
        .value("status", Status::Active)
}

/// The writes that ask that whoever gave `order` still may: they work, have the role by which it was decided, it says what
/// it said then, and their sessions were not ended since.
pub(super) fn still_wanted(order: &Order) -> Result<Vec<Write>, Fault> {
    let actor = still(order.actor, &order.role)?
        .only_if("#generation = :generation")
        .value("generation", order.generation)?;
    let Some(name) = order.role.custom() else { return Ok(vec![actor]) };
    let role = Write::check(Key::role(&order.tenant, name))
        .only_if("#version = :version")
        .value("version", order.role_version)?;
    Ok(vec![actor, role])
}

impl Store {
    /// These accounts exist, and their events are told, as ordered: all of them or none.
    ///
    /// Guarded by each address having no account, each user name being free, and whoever ordered them still being
    /// allowed to. A transaction holds 100 writes: three of each account, a fourth of one with a user name.
    pub async fn add_accounts(&self, order: &Order, accounts: &[NewAccount]) -> Result<Addition, Fault> {
        let writes = accounts.iter().map(|it| account_writes(&it.user, &it.credential, &it.event));
        let also = still_wanted(order)?;
        Ok(match self.write_accounts(writes.collect::<Result<_, _>>()?, also).await? {
            None => Addition::Added,
            Some(refusals) if !refusals.others.is_empty() => Addition::ActorChanged,
            Some(_) => Addition::Taken,
        })
    }

    /// Those of `claims` that are another's now; there may be a hundred. Nothing is written: only the conditions of
    /// [`Self::add_accounts`] are asked.
    pub async fn taken(&self, claims: BTreeSet<Unique>) -> Result<BTreeSet<Unique>, Fault> {
        if claims.is_empty() {
            return Ok(claims);
        }
        let check = |claim: &Unique| match claim {
            Unique::Email(email) => Write::check(Key::credential(email)).only_if(UNCLAIMED).unseen(),
            Unique::Username(name) => Write::check(Key::username(name)).unless_exists(),
        };
        let checks = claims.iter().map(check).collect();
        let Outcome::Refused(refused) = self.table.transact(checks).await? else {
            return Ok(BTreeSet::new());
        };
        let places: BTreeSet<usize> = refused.iter().map(|refused| refused.index).collect();
        let taken = claims.into_iter().enumerate().filter(|(place, _)| places.contains(place));
        Ok(taken.map(|(_, claim)| claim).collect())
    }

    /// Makes `accounts` and writes `also`, all or nothing; what was refused, if something was.
    pub(super) async fn write_accounts(
        &self,
        accounts: Vec<AccountWrites>,
        also: Vec<Write>,
    ) -> Result<Option<Refusals>, Fault> {
        let (mut owners, mut writes) = (Vec::new(), Vec::new());
        for (place, account) in accounts.into_iter().enumerate() {
            for (taken, write) in account {
                owners.push((place, taken));
                writes.push(write);
            }
        }
        writes.extend(also);
        if writes.is_empty() {
            return Ok(None);
        }
        let Outcome::Refused(refused) = self.table.transact(writes).await? else { return Ok(None) };
        let mut refusals = Refusals { accounts: BTreeMap::new(), others: Vec::new() };
        for refused in refused {
            match owners.get(refused.index) {
                Some(&(place, taken)) => {
                    refusals.accounts.entry(place).and_modify(|it| *it = taken.min(*it)).or_insert(taken);
                }
                None => refusals.others.push(refused.index - owners.len()),
            }
        }
        Ok(Some(refusals))
    }
}
