//! Very many accounts, put straight into the table: copies of a few that were made through the API.

use std::time::Instant;

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tests::{Client, PUTS, RawTable, System, as_stored};

/// Batches that are on their way at once.
const AT_ONCE: usize = 4;
/// How often progress is told, in accounts.
const TOLD: usize = 10_000;
/// Items of an account: the user and the credential.
const ITEMS: usize = 2;
/// What the accounts are, in turn: role, and whether it works.
const KINDS: [(&str, bool); 4] = [("user", true), ("user", false), ("manager", true), ("manager", false)];

/// An account to copy: its items as the table has them.
struct Model {
    items: [String; ITEMS],
    /// What in them says whose they are.
    identity: Identity,
}

/// What the items of an account are told from another's by.
struct Identity {
    email: String,
    /// As keys have it.
    uuid: String,
    /// As attributes have it.
    id: String,
}

/// The address of an account of the crowd.
pub(crate) fn email(number: usize) -> String {
    format!("person{number:06}@example.com")
}

/// The id of an account of the crowd. Those that are made at the same instant are listed by their ids.
pub(crate) fn id(number: usize) -> String {
    format!("usr_{}", uuid(number).replace('-', ""))
}

fn uuid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// Adds `count` accounts to the table, a quarter of each kind, and counts them.
pub(crate) async fn fill(system: &System, admin: &Client, count: usize) {
    let mut models = Vec::new();
    for kind in KINDS {
        models.push(Model::make(system, admin, kind).await);
    }
    let (table, models) = (system.raw_table().await, &models);
    // The DynamoDB of this process looks through the whole stream at each write.
    table.stop_stream().await;
    let accounts = PUTS / ITEMS;
    let begun = Instant::now();
    let batches = stream::iter((0..count).step_by(accounts)).map(|first| {
        let numbers = first..count.min(first + accounts);
        let items: Vec<String> =
            numbers.flat_map(|number| models[number % KINDS.len()].copy(number)).collect();
        put(table.clone(), items)
    });
    let mut batches = batches.buffer_unordered(AT_ONCE);
    let (mut done, mut told) = (0, 0);
    while let Some(items) = batches.next().await {
        done += items / ITEMS;
        if done / TOLD > told {
            told = done / TOLD;
            let rate = done as u128 * 1_000 / begun.elapsed().as_millis().max(1);
            println!("{done:>7} accounts, {rate} a second");
        }
    }
    for (role, active) in KINDS {
        count_them(&table, (role, active), i64::try_from(count / KINDS.len()).unwrap()).await;
    }
}

async fn put(table: RawTable, items: Vec<String>) -> usize {
    table.put(&items).await;
    items.len()
}

/// Counts `more` accounts of a kind, as the audit trail's consumer does.
async fn count_them(table: &RawTable, (role, active): (&str, bool), more: i64) {
    let state = if active { "active" } else { "inactive" };
    for counter in
        ["users".to_owned(), state.to_owned(), format!("role:{role}"), format!("role:{role}:{state}")]
    {
        table.add(("COUNT#default", "USERS"), &counter, more).await;
    }
}

impl Model {
    /// Makes an account of a kind through the API.
    async fn make(system: &System, admin: &Client, (role, active): (&str, bool)) -> Self {
        let email = format!("model-{role}-{active}@example.com");
        let id = system.register_and_verify(&email).await;
        admin.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
        let path = format!("/api/v1/admin/users/{id}");
        admin.put(&path, json!({ "role": role, "is_active": active })).await.expect(200);
        let table = system.table().await;
        let item = |entity: &str| {
            let theirs = |item: &&Value| {
                item["entity"] == entity && [&item["id"], &item["user_id"]].contains(&&json!(id))
            };
            table.iter().find(theirs).cloned().unwrap()
        };
        let (mut user, credential) = (item("user"), item("credential"));
        let uuid = user["PK"].as_str().unwrap().trim_start_matches("USER#").to_owned();
        // One instant for all, so that a list has all kinds in turn.
        user["GSI1SK"] = json!(format!("2026-01-01T00:00:00.000Z#{uuid}"));
        user["created_at"] = json!("2026-01-01T00:00:00Z");
        Self { items: [user, credential].map(|it| as_stored(&it)), identity: Identity { email, uuid, id } }
    }

    /// The items of the account with this number.
    fn copy(&self, number: usize) -> [String; ITEMS] {
        let Identity { email: its_email, uuid: its_uuid, id: its_id } = &self.identity;
        self.items.each_ref().map(|item| {
            let item = item.replace(its_email, &email(number));
            item.replace(its_uuid, &uuid(number)).replace(its_id, &id(number))
        })
    }
}
