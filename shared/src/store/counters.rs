//! Counters, kept by the audit trail's consumer: an event is counted when its record is written, and so once.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Store;
use super::key::Key;
use super::table::parse;
use super::write::{Item, Write};
use crate::clock::Timestamp;
use crate::event::{Event, EventType};
use crate::fault::Fault;
use crate::id::TenantId;
use crate::tally::Tally;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How long the counters of a day are kept.
const KEPT_DAYS: i64 = 400;

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

/// An item of counters: its numbers count.
#[derive(Deserialize)]
struct Counted {
    #[serde(flatten)]
    attributes: BTreeMap<String, serde_json::Value>,
}

impl Counted {
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
    parse::<Counted>(item)?.add_to(&mut tally);
    Ok(tally)
}

/// The writes that count `event`.
pub(super) fn count(event: &Event) -> Result<Vec<Write>, Fault> {
    let mut day = Write::update(Key::day_counters(&event.tenant, event.at))
        .set("expires_at", event.at.as_second() + KEPT_DAYS * DAY)?
        .add(event.event_type.name(), 1);
    if event.data.get(FIRST_OF_DAY).is_some_and(|first| first == true) {
        day = day.add(ACTIVE_USERS, 1);
    }
    let ever = Write::update(Key::event_counters(&event.tenant)).add(event.event_type.name(), 1);
    let mut writes = vec![day, ever];
    if !event.tally.is_empty() {
        let users = Write::update(Key::user_counters(&event.tenant));
        writes.push(event.tally.iter().fold(users, |write, (name, by)| write.add(name, *by)));
    }
    Ok(writes)
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
    /// A tenant's counters of accounts.
    pub async fn user_counters(&self, tenant: &TenantId) -> Result<Tally, Fault> {
        let mut tally = Tally::new();
        if let Some(counted) = self.table.get::<Counted>(&Key::user_counters(tenant)).await? {
            counted.add_to(&mut tally);
        }
        Ok(tally)
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
        if let Some(counted) = self.table.get::<Counted>(&Key::event_counters(tenant)).await? {
            counted.add_to(&mut ever);
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
            parse::<Counted>(item)?.add_to(tally);
        }
        Ok(counters)
    }
}
