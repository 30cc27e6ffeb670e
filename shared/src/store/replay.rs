//! What the stream is to bring again: a write of any kind does that, and this one changes nothing else.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Store;
use super::key::{self, Key};
use super::table::{Outcome, Scan, Segment};
use super::users::text;
use super::write::{Item, Write, attribute};
use crate::bulk::{Operation, State};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::fault::Fault;
use crate::replay::{Spans, Walk};
use crate::stream::Record;

/// Events of a span, and operations that are still to be worked off. An event that was brought again has a second time,
/// at which it may have been given up again. What has expired is told to nobody, though it may still stand there.
const WANTED: &str = "(#entity = :event AND #expires_at > :now \
     AND (#at BETWEEN :from AND :to OR #replayed_at BETWEEN :from AND :to)) \
     OR (#entity = :operation AND #state = :running AND #expires_at > :now)";
/// What is read of an item: nothing personal. `template.yaml` allows no more.
const READ: &str = "#PK, #SK, #at, #replayed_at";

impl Store {
    /// The walk that is under way, if one is.
    pub async fn replay_walk(&self) -> Result<Option<Walk>, Fault> {
        self.table.get(&Key::replay()).await
    }

    /// The next run goes on with `walk`. Of two runs at once the last one has its way: what lies between is walked
    /// through twice.
    pub async fn keep_replay_walk(&self, walk: &Walk) -> Result<(), Fault> {
        let write = Write::put(Key::replay(), "replay", walk)?;
        self.table.transact(vec![write]).await.map(drop)
    }

    /// No walk is under way.
    pub async fn end_replay_walk(&self) -> Result<(), Fault> {
        self.table.transact(vec![Write::delete(Key::replay())]).await.map(drop)
    }

    /// What a segment of the table has that was written in `spans`, and what is still to be worked off.
    pub async fn written_in(
        &self,
        spans: &Spans,
        segment: Segment,
        now: Timestamp,
    ) -> Result<Vec<Key>, Fault> {
        let Some(bounds) = spans.bounds() else { return Ok(Vec::new()) };
        let values = [
            (":event", attribute(Event::ENTITY)?),
            (":operation", attribute(Operation::ENTITY)?),
            (":running", attribute(State::Running)?),
            (":now", attribute(now.as_second())?),
            (":from", AttributeValue::S(key::sortable(bounds.from))),
            (":to", AttributeValue::S(key::sortable(bounds.to))),
        ];
        let scan = Scan { segment, filter: WANTED, read: READ, values: &values };
        let items = self.table.scan(scan).await?;
        let wanted = |item: &Item| {
            let mut times =
                ["at", "replayed_at"].into_iter().filter_map(|name| text(item, name)?.parse().ok());
            // An operation has no such time.
            !item.contains_key("at") || times.any(|at| spans.reach(at))
        };
        Ok(items.into_iter().filter(wanted).filter_map(|item| Key::of(&item)).collect())
    }

    /// The stream brings the item at `key` again, because this changes it; `false` if it is there no more.
    ///
    /// Guarded by its existence: nothing that is gone comes back.
    pub async fn bring_again(&self, key: &Key, now: Timestamp) -> Result<bool, Fault> {
        let touch = Write::update(key.clone()).set("replayed_at", now)?.only_if("attribute_exists(#PK)");
        let outcome: Outcome<serde::de::IgnoredAny> = self.table.update(touch).await?;
        Ok(matches!(outcome, Outcome::Written(_)))
    }
}
