//! Counters, kept by the audit trail's consumer: an event is counted when its record is written, and so once.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Store;
use super::key::{self, Key};
use super::table::{Range, parse};
use super::write::{Item, Write};
use crate::clock::Timestamp;
use crate::event::{Event, EventType};
use crate::fault::Fault;
use crate::id::{TenantId, UserId};
use crate::tally::{self, Counted, Tally};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How long the counters of a day are kept.
const KEPT_DAYS: i64 = 400;
/// How long it is kept that an account counts no more since it was erased: for longer than the outbox may have an event
/// of theirs.
const ERASED_DAYS: i64 = 14;
/// What, beside the counters of accounts, says how often they moved.
const MOVES: &str = "moves";

/// What a sign-in's event says that is the person's first of the day.
const FIRST_OF_DAY: &str = "first_of_day";
/// The counter of a day that counts the people who signed in.
const ACTIVE_USERS: &str = "active_users";

/// A tenant's counters of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventCounters {
    /// What ever happened, by the name of the event.
    pub ever: Tally,
    /// What happened in each of the last days, today first.
    pub days: Vec<Tally>,
}

/// A tenant's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// How many accounts there are of each kind.
    pub users: Tally,
    /// What happened in the days asked for, by the name of the event.
    pub happened: Tally,
}

/// A tenant's counters of accounts, at an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserCounters {
    /// How many accounts there are of each kind.
    pub tally: Tally,
    /// How often they moved.
    pub moves: i64,
}

/// An account that is to be counted otherwise than it is.
#[derive(Clone, Debug)]
pub struct Recount {
    /// Whose it is.
    pub user: UserId,
    /// As what it is counted.
    pub before: Option<Counted>,
    /// As what it is to be.
    pub after: Counted,
}

/// An item of counters: its numbers count.
#[derive(Default, Deserialize)]
struct Numbers {
    #[serde(default)]
    moves: i64,
    #[serde(flatten)]
    attributes: BTreeMap<String, serde_json::Value>,
}

impl Numbers {
    fn add_to(self, tally: &mut Tally) {
        let numbers =
            self.attributes.into_iter().filter(|(name, _)| !["v", "expires_at"].contains(&name.as_str()));
        for (name, number) in numbers.filter_map(|(name, value)| Some((name, value.as_i64()?))) {
            *tally.entry(name).or_default() += number;
        }
    }
}

/// What an item of counters counts.
pub(super) fn tally(item: Item) -> Result<Tally, Fault> {
    let mut tally = Tally::new();
    parse::<Numbers>(item)?.add_to(&mut tally);
    Ok(tally)
}

impl Recount {
    /// By how much it moves the counters.
    pub fn difference(&self) -> Tally {
        self.after.since(self.before.as_ref())
    }
}

/// The writes that count these accounts anew: guarded by each being counted as before.
pub(super) fn recount(tenant: &TenantId, accounts: &[Recount], now: Timestamp) -> Result<Vec<Write>, Fault> {
    let (mut writes, mut difference) = (Vec::new(), Tally::new());
    for account in accounts {
        let Recount { user, before, after } = account;
        let expires_at = after.is_erased().then(|| now.as_second() + ERASED_DAYS * DAY);
        let put =
            Write::put(Key::counted(tenant, *user), "counted", after)?.with("expires_at", expires_at)?;
        let put = match before {
            None => put.unless_exists(),
            Some(before) => put.only_if("#version = :version").value("version", before.version)?,
        };
        writes.push(put.unseen());
        tally::add(&mut difference, account.difference());
    }
    if !difference.is_empty() {
        writes.push(moved(tenant, &difference));
    }
    Ok(writes)
}

/// The write that moves the counters of accounts.
pub(super) fn moved(tenant: &TenantId, by: &Tally) -> Write {
    let counters = Write::update(Key::user_counters(tenant)).add(MOVES, 1);
    by.iter().fold(counters, |write, (name, by)| write.add(name, *by))
}

/// The writes that count that these happened, all of them in a tenant on one day.
fn happened(tenant: &TenantId, events: &[&Event]) -> Result<Vec<Write>, Fault> {
    let (mut by_type, mut signed_in) = (Tally::new(), 0);
    for event in events {
        *by_type.entry(event.event_type.name().to_owned()).or_default() += 1;
        signed_in += i64::from(event.data.get(FIRST_OF_DAY).is_some_and(|first| first == true));
    }
    let Some(last) = events.iter().map(|event| event.at).max() else { return Ok(Vec::new()) };
    let add_all = |write| by_type.iter().fold(write, |write: Write, (name, by)| write.add(name, *by));
    let mut day = add_all(Write::update(Key::day_counters(tenant, last)))
        .set("expires_at", last.as_second() + KEPT_DAYS * DAY)?;
    if signed_in > 0 {
        day = day.add(ACTIVE_USERS, signed_in);
    }
    Ok(vec![day, add_all(Write::update(Key::event_counters(tenant)))])
}

impl Counters {
    /// How many accounts a counter counts.
    pub fn users(&self, counter: &str) -> i64 {
        self.users.get(counter).copied().unwrap_or_default()
    }

    /// How often something happened in the days asked for.
    pub fn happened(&self, event_type: EventType) -> i64 {
        self.happened.get(event_type.name()).copied().unwrap_or_default()
    }
}

impl EventCounters {
    /// How many people signed in today.
    pub fn active_today(&self) -> i64 {
        self.days.first().and_then(|today| today.get(ACTIVE_USERS)).copied().unwrap_or_default()
    }
}

/// How many of the events that a tally counts are of a type that `is_meant`.
pub fn count_events(tally: &Tally, is_meant: impl Fn(EventType) -> bool) -> i64 {
    let meant = EventType::ALL.iter().filter(|it| is_meant(**it));
    meant.filter_map(|it| tally.get(it.name())).sum()
}

/// The keys of the counters of today and the `days` before.
fn day_keys(tenant: &TenantId, now: Timestamp, days: i64) -> impl Iterator<Item = Key> {
    let day = move |back: i64| Timestamp::from_second(now.as_second() - back * DAY).unwrap_or(now);
    (0..=days).map(move |back| Key::day_counters(tenant, day(back)))
}

impl Store {
    /// The writes that count these events, all of them in `tenant` on one day, and their subjects as the latest of them
    /// says, unless those are counted by a later version.
    ///
    /// Guarded by the accounts being counted as they are now.
    pub(super) async fn counting(
        &self,
        tenant: &TenantId,
        events: &[&Event],
        now: Timestamp,
    ) -> Result<Vec<Write>, Fault> {
        let mut latest: BTreeMap<UserId, &Counted> = BTreeMap::new();
        for event in events {
            let Some((user, counted)) = event.subject.zip(event.counted.as_ref()) else { continue };
            let known = latest.entry(user).or_insert(counted);
            if known.version < counted.version {
                *known = counted;
            }
        }
        let mut writes = happened(tenant, events)?;
        if latest.is_empty() {
            return Ok(writes);
        }
        let keys: Vec<Key> = latest.keys().map(|user| Key::counted(tenant, *user)).collect();
        let mut before = self.table.batch_get(&keys).await?;
        let mut accounts = Vec::new();
        for ((user, after), key) in latest.into_iter().zip(keys) {
            let before: Option<Counted> = before.remove(&key).map(parse).transpose()?;
            if after.replaces(before.as_ref()) {
                accounts.push(Recount { user, before, after: after.clone() });
            }
        }
        writes.extend(recount(tenant, &accounts, now)?);
        Ok(writes)
    }

    /// A tenant's counters of accounts.
    pub async fn user_counters(&self, tenant: &TenantId) -> Result<UserCounters, Fault> {
        let numbers: Numbers = self.table.get(&Key::user_counters(tenant)).await?.unwrap_or_default();
        let mut counters = UserCounters { moves: numbers.moves, ..UserCounters::default() };
        numbers.add_to(&mut counters.tally);
        Ok(counters)
    }

    /// What the counters of accounts are to say: the sum of what a tenant's accounts are counted as. A call reads
    /// thousands of them.
    pub async fn counted_in_all(&self, tenant: &TenantId) -> Result<Tally, Fault> {
        let mut range = Range { partition: key::counted_of(tenant), ascending: true, ..Range::default() };
        let mut sum = Tally::new();
        loop {
            let page = self.table.query(range.clone()).await?;
            for item in page.items.unwrap_or_default() {
                tally::add(&mut sum, parse::<Counted>(item)?.since(None));
            }
            range.after = page.last_evaluated_key;
            if range.after.is_none() {
                return Ok(sum);
            }
        }
    }

    /// A tenant's counters of events: of all times, of today and of the `days` before, in one call. They follow
    /// an event within a moment.
    pub async fn event_counters(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        days: i64,
    ) -> Result<EventCounters, Fault> {
        let keys: Vec<Key> =
            [Key::event_counters(tenant)].into_iter().chain(day_keys(tenant, now, days)).collect();
        let mut items = self.table.batch_get(&keys).await?;
        let tallies =
            keys.iter().map(|key| items.remove(key).map(tally).transpose().map(Option::unwrap_or_default));
        let mut tallies = tallies.collect::<Result<Vec<Tally>, Fault>>()?.into_iter();
        Ok(EventCounters { ever: tallies.next().unwrap_or_default(), days: tallies.collect() })
    }

    /// How often each event happened in a tenant since it exists.
    pub(super) async fn events_ever(&self, tenant: &TenantId) -> Result<Tally, Fault> {
        let mut ever = Tally::new();
        if let Some(numbers) = self.table.get::<Numbers>(&Key::event_counters(tenant)).await? {
            numbers.add_to(&mut ever);
        }
        Ok(ever)
    }

    /// A tenant's counters of accounts, and of what happened today and in the `days` before, in one call. They
    /// follow a change within a moment.
    pub async fn counters(&self, tenant: &TenantId, now: Timestamp, days: i64) -> Result<Counters, Fault> {
        let users = Key::user_counters(tenant);
        let keys: Vec<Key> = [users.clone()].into_iter().chain(day_keys(tenant, now, days)).collect();
        let mut counters = Counters::default();
        for (key, item) in self.table.batch_get(&keys).await? {
            let tally = if key == users { &mut counters.users } else { &mut counters.happened };
            parse::<Numbers>(item)?.add_to(tally);
        }
        Ok(counters)
    }
}
