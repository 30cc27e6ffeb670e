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
    /// What the counters are to say of them.
    pub counting: BTreeMap<String, i64>,
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
        let (mut counting, mut accounts) = (BTreeMap::new(), BTreeMap::new());
        for event in of("event") {
            *counting.entry(text(&event["type"])).or_default() += 1;
            let counted = event["counted"].as_object().map(|counted| (counted["version"].as_u64(), counted));
            let account: &mut Option<_> = accounts.entry(text(&event["subject"])).or_default();
            if counted.map(|it| it.0) > account.map(|it: (_, _)| it.0) {
                *account = counted;
            }
        }
        for (_, account) in accounts.into_values().flatten() {
            for counter in account.get("counters").and_then(Value::as_array).into_iter().flatten() {
                *counting.entry(text(counter)).or_default() += 1;
            }
        }
        let mut counted = BTreeMap::new();
        for sort_key in ["EVENTS", "USERS"] {
            let counters = table.iter().find(|item| item["PK"] == "COUNT#default" && item["SK"] == sort_key);
            add(&mut counted, counters.and_then(Value::as_object));
        }
        counted.retain(|_, number| *number != 0);
        Self {
            events: sorted(of("event").map(|event| text(&event["id"]))),
            wanted: sorted(wanted.map(|event| text(&event["id"]))),
            recorded: sorted(of("audit").map(|record| text(&record["id"]))),
            told: sorted(receiver.received().iter().map(|message| text(&message.json()["data"]["id"]))),
            counting,
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
        assert_eq!(self.counted, self.counting, "the counters");
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

/// Adds the numbers of an item of counters, but for those that count nothing.
fn add(sum: &mut BTreeMap<String, i64>, numbers: Option<&Map<String, Value>>) {
    let counts_nothing = ["v", "expires_at", "moves"];
    let numbers = numbers.into_iter().flatten().filter(|(name, _)| !counts_nothing.contains(&name.as_str()));
    for (name, number) in numbers.filter_map(|(name, number)| Some((name, number.as_i64()?))) {
        *sum.entry(name.clone()).or_default() += number;
    }
}
