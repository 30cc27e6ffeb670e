//! What is true of the table whenever nothing is under way, whatever failed before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

type Numbers = BTreeMap<String, i64>;

/// Everything that is counted, claimed or told twice says the same in both places. Each delivery that is pending, and no
/// other, is in the index where the clean-up finds what no message leads to.
///
/// # Panics
/// With `what` where it does not.
pub(super) fn assert_whole(table: &[Value], what: &str) {
    assert_claims(table, what);
    assert_told(table, what);
    assert_eq!(
        numbers(table, "COUNT#default", "USERS"),
        counted_users(table),
        "{what}: counters of accounts"
    );
    let pending = |delivery: &Value| delivery["state"]["name"] == "pending";
    let lost = of(table, "delivery").find(|it| pending(it) != it["GSI9PK"].is_string());
    assert_eq!(lost, None, "{what}: a delivery that the clean-up does not find, or finds in vain");
    for (entity, pk, counter) in
        [("role", "TENANT#default", "ROLES"), ("endpoint", "HOOKS#default", "ENDPOINTS")]
    {
        let there = of(table, entity).map(|_| 1).sum::<i64>();
        let counted = numbers(table, pk, counter).into_values().sum::<i64>();
        assert_eq!(counted, there, "{what}: number of items `{entity}`");
    }
}

/// No delivery waits: the servers in these tests take everything in the end, so that one that is pending is one that nobody
/// attempts.
///
/// # Panics
/// With `what` where one does.
pub(super) fn assert_nothing_waits(table: &[Value], what: &str) {
    let pending = of(table, "delivery").find(|delivery| delivery["state"]["name"] == "pending");
    assert_eq!(pending, None, "{what}: a delivery that nobody attempts");
}

/// Addresses and user names are claimed by the accounts that have them and by nobody else; who is erased leaves neither
/// claims nor sessions.
fn assert_claims(table: &[Value], what: &str) {
    let field = |item: &Value, field: &str| item[field].as_str().map(str::to_owned);
    let claims = |entity: &'static str| {
        of(table, entity).filter_map(move |it| Some((field(it, "PK")?, field(it, "user_id")?)))
    };
    let named = |kind: &'static str, name: &'static str| {
        of(table, "user")
            .filter_map(move |it| Some((format!("{kind}#{}", field(it, name)?), field(it, "id")?)))
    };
    assert_eq!(claims("credential").collect::<BTreeSet<_>>(), named("CRED", "email").collect(), "{what}");
    assert_eq!(claims("username").collect::<BTreeSet<_>>(), named("NAME", "username").collect(), "{what}");
    let users: BTreeSet<_> = of(table, "user").map(|user| user["id"].to_string()).collect();
    for session in of(table, "session") {
        assert!(users.contains(&session["user_id"].to_string()), "{what}: {session} of nobody");
    }
}

/// Each event has its audit record, and is counted once.
fn assert_told(table: &[Value], what: &str) {
    let ids = |entity| of(table, entity).map(|item| item["id"].to_string()).collect::<BTreeSet<_>>();
    let (events, records) = (ids("event"), ids("audit"));
    assert_eq!(events.difference(&records).collect::<Vec<_>>(), [""; 0], "{what}: events without a record");
    let mut told = Numbers::new();
    for record in of(table, "audit") {
        *told.entry(record["type"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    assert_eq!(numbers(table, "COUNT#default", "EVENTS"), told, "{what}: counters of events");
}

/// What the counters of accounts are to say.
fn counted_users(table: &[Value]) -> Numbers {
    let mut counted = Numbers::new();
    for user in of(table, "user").filter(|user| user["status"] != "deleted") {
        let text = |field: &str| user[field].as_str().unwrap_or_default();
        let (role, status) = (text("role"), text("status"));
        let mut counters = vec!["users".to_owned(), status.to_owned()];
        counters.extend([format!("role:{role}"), format!("role:{role}:{status}")]);
        counters.extend(user["verified_at"].is_null().then(|| "unverified".to_owned()));
        counters.extend(user["approval"].is_null().then(|| "unapproved".to_owned()));
        for counter in counters {
            *counted.entry(counter).or_default() += 1;
        }
    }
    counted
}

/// What an item of counters counts, where that is not zero.
fn numbers(table: &[Value], pk: &str, sk: &str) -> Numbers {
    let item = table.iter().find(|item| item["PK"] == pk && item["SK"] == sk);
    let attributes = item.and_then(Value::as_object).into_iter().flatten();
    let numbers = attributes.filter_map(|(name, value)| Some((name.clone(), value.as_i64()?)));
    numbers.filter(|(name, number)| !["v", "moves"].contains(&name.as_str()) && *number != 0).collect()
}

fn of<'a>(table: &'a [Value], entity: &'a str) -> impl Iterator<Item = &'a Value> {
    let entity = json!(entity);
    table.iter().filter(move |item| item["entity"] == entity)
}
