//! The accounts of what happened: each event is recorded, counted, told and mailed, once, whatever the stream did.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Receiver, System};

/// What there is of one thing, sorted: twice what there is twice.
type Ids = Vec<String>;

/// What became of the events of a system with one webhook that wants all of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The events in the table.
    pub events: Ids,
    /// Those that the audit trail has a record of.
    pub recorded: Ids,
    /// Those since the webhook was made.
    pub wanted: Ids,
    /// Those that the webhook was told.
    pub told: Ids,
    /// By how much they change each counter.
    pub changes: BTreeMap<String, i64>,
    /// What the counters say.
    pub counted: BTreeMap<String, i64>,
    /// Those whose mail is marked as sent.
    pub mailed: usize,
    /// The mails that went out: to whom, and with which subject.
    pub mails: Ids,
}

impl Ledger {
    /// How the accounts stand when everything is done.
    pub async fn of(system: &System, receiver: &Receiver) -> Self {
        let table = system.table().await;
        let of = |entity: &'static str| table.iter().filter(move |item| item["entity"] == entity);
        let made_at =
            of("endpoint").map(|endpoint| instant(&endpoint["created_at"])).next().unwrap_or_default();
        let wanted = of("event").filter(|event| instant(&event["at"]) >= made_at);
        let mails = system.anybody().get("/_local/mail").await.expect(200);
        let mails = mails.as_array().into_iter().flatten();
        let mut changes = BTreeMap::new();
        for event in of("event") {
            *changes.entry(text(&event["type"])).or_default() += 1;
            add(&mut changes, event["tally"].as_object());
        }
        let mut counted = BTreeMap::new();
        for sort_key in ["EVENTS", "USERS"] {
            let counters = table.iter().find(|item| item["PK"] == "COUNT#default" && item["SK"] == sort_key);
            add(&mut counted, counters.and_then(Value::as_object));
        }
        changes.retain(|_, number| *number != 0);
        counted.retain(|_, number| *number != 0);
        Self {
            events: sorted(of("event").map(|event| text(&event["id"]))),
            wanted: sorted(wanted.map(|event| text(&event["id"]))),
            recorded: sorted(of("audit").map(|record| text(&record["id"]))),
            told: sorted(receiver.received().iter().map(|message| text(&message.json()["data"]["id"]))),
            changes,
            counted,
            mailed: of("mail").filter(|mark| mark["sent"] == true).count(),
            mails: sorted(mails.map(|mail| format!("{}: {}", text(&mail["to"]), text(&mail["subject"])))),
        }
    }

    /// Each event is recorded, counted and told, and each mail sent, once.
    ///
    /// # Panics
    /// When one is missing or came twice.
    #[track_caller]
    pub fn assert_balanced(&self) {
        assert_eq!(self.recorded, self.events, "the audit trail");
        assert_eq!(self.counted, self.changes, "the counters");
        assert_eq!(self.told, self.wanted, "the webhook");
        assert_eq!(self.mails.len(), self.mailed, "the mails");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A time as text that sorts as times do, whether it has a fraction or not.
fn instant(time: &Value) -> String {
    text(time).trim_end_matches('Z').to_owned()
}

fn sorted(ids: impl Iterator<Item = String>) -> Ids {
    let mut ids: Ids = ids.collect();
    ids.sort();
    ids
}

/// Adds the numbers of an object, but for those that every item has.
fn add(sum: &mut BTreeMap<String, i64>, numbers: Option<&Map<String, Value>>) {
    let numbers =
        numbers.into_iter().flatten().filter(|(name, _)| !["v", "expires_at"].contains(&name.as_str()));
    for (name, number) in numbers.filter_map(|(name, number)| Some((name, number.as_i64()?))) {
        *sum.entry(name.clone()).or_default() += number;
    }
}
