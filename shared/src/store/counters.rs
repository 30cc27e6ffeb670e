//! Counters, kept by the audit trail's consumer: an event is counted when its record is written, and so once.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Store;
use super::key::Key;
use super::table::parse;
use super::write::Write;
use crate::clock::Timestamp;
use crate::event::{Event, EventType};
use crate::fault::Fault;
use crate::id::TenantId;
use crate::tally::Tally;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How long the counters of a day are kept.
const KEPT_DAYS: i64 = 400;

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

/// The writes that count `event`.
pub(super) fn count(event: &Event) -> Result<Vec<Write>, Fault> {
    let day = Write::update(Key::day_counters(&event.tenant, event.at))
        .set("expires_at", event.at.as_second() + KEPT_DAYS * DAY)?
        .add(event.event_type.name(), 1);
    let mut writes = vec![day];
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

impl Store {
    /// A tenant's counters of accounts, and of what happened today and in the `days` before, in one call. They
    /// follow a change within a moment.
    pub async fn counters(&self, tenant: &TenantId, now: Timestamp, days: i64) -> Result<Counters, Fault> {
        let users = Key::user_counters(tenant);
        let day = |back: i64| Timestamp::from_second(now.as_second() - back * DAY).unwrap_or(now);
        let days = (0..=days).map(|back| Key::day_counters(tenant, day(back)));
        let keys: Vec<Key> = [users.clone()].into_iter().chain(days).collect();
        let mut counters = Counters::default();
        for (key, item) in self.table.batch_get(&keys).await? {
            let tally = if key == users { &mut counters.users } else { &mut counters.happened };
            parse::<Counted>(item)?.add_to(tally);
        }
        Ok(counters)
    }
}
