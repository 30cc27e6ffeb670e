//! What a request does to the table, told so that two changes of the same kind are equal.

use std::collections::BTreeMap;

use serde_json::Value;

/// What was not asked for: it follows from events (records, and the checkpoints that seal them), or remembers requests,
/// or, of a bulk operation that was never opened, lies there sealed until it expires.
const ASIDE: [&str; 6] =
    ["audit", "audit_head", "bulk_batch", "checkpoint", "checkpoint_head", "keyed_request"];

/// How many items of which kind are made, changed and removed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change(BTreeMap<String, usize>);

impl Change {
    /// What made `after` of `before`.
    pub(super) fn between(before: &[Value], after: &[Value]) -> Self {
        let (before, after) = (by_key(before), by_key(after));
        let gone = before.iter().filter(|(key, _)| !after.contains_key(*key)).map(|it| ("-", it.1));
        let made = after.iter().filter(|(key, _)| !before.contains_key(*key)).map(|it| ("+", it.1));
        let changed = after.iter().filter(|(key, item)| before.get(*key).is_some_and(|it| it != *item));
        let mut kinds = BTreeMap::new();
        for (how, item) in gone.chain(made).chain(changed.map(|it| ("~", it.1))) {
            let kind = [&item["entity"], &item["type"]].map(|it| it.as_str().unwrap_or_default()).join(" ");
            *kinds.entry(format!("{how}{}", kind.trim_end())).or_default() += 1;
        }
        Self(kinds)
    }

    /// This one and `more` together.
    pub(super) fn and(&self, more: &Self) -> Self {
        let mut kinds = self.0.clone();
        for (kind, number) in &more.0 {
            *kinds.entry(kind.clone()).or_default() += number;
        }
        Self(kinds)
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

/// The items by their keys. Counters, which have no `entity`, follow from others.
fn by_key(table: &[Value]) -> BTreeMap<[&str; 2], &Value> {
    let items =
        table.iter().filter(|item| item["entity"].as_str().is_some_and(|entity| !ASIDE.contains(&entity)));
    items.map(|item| ([&item["PK"], &item["SK"]].map(|it| it.as_str().unwrap_or_default()), item)).collect()
}
