//! The clean-up, which a schedule runs.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, PASSWORD, Receiver, System};

use super::erasure::damage_the_account;

/// More than an account is kept that is not verified, in seconds.
const LONG: i64 = 31 * 86_400;
/// More than it takes until a change is counted, in seconds.
const SETTLED: i64 = 61;
/// Where the counters of accounts are.
const COUNTERS: (&str, &str) = ("COUNT#default", "USERS");

async fn total_users(admin: &Client) -> Value {
    admin.get("/api/v1/admin/stats").await.expect(200)["total_users"].clone()
}

#[tokio::test]
async fn counters_that_were_changed_from_outside_are_mended_at_once() {
    let system = System::start().await;
    let admin = system.admin().await;
    system.register("ada@example.com").await;
    system.drain().await;
    system.raw_table().await.add(COUNTERS, "users", 3).await;
    system.raw_table().await.add(COUNTERS, "role:king", 1).await;
    assert_eq!(total_users(&admin).await, 5);
    // Each of two accounts is listed, and counted.
    assert_eq!(system.clean_up().await["counters"], json!({ "looked_at": 4, "done": 2, "left": false }));
    assert_eq!(total_users(&admin).await, 2);
    let events = system.events("system.counters_reconciled").await;
    assert_eq!(events[0]["data"], json!({ "differences": { "users": -3, "role:king": -1 } }));
    assert_eq!(system.clean_up().await["counters"], json!({ "looked_at": 4, "done": 0, "left": false }));
    assert_eq!(total_users(&admin).await, 2);
}

#[tokio::test]
async fn who_registers_while_the_accounts_are_counted_is_counted_once_and_keeps_no_drift_from_being_mended() {
    let system = System::start().await;
    let admin = system.admin().await;
    for round in 1..=6 {
        let email = format!("ada{round}@example.com");
        system.raw_table().await.add(COUNTERS, "users", 1).await;
        let (report, _) = tokio::join!(system.clean_up(), system.register(&email));
        assert_eq!(report["counters"]["done"], 1);
        system.drain().await;
        assert_eq!(total_users(&admin).await, 1 + round);
    }
    assert_eq!(system.clean_up().await["counters"], json!({ "looked_at": 14, "done": 0, "left": false }));
    assert_eq!(total_users(&admin).await, 7);
}

#[tokio::test]
async fn an_outage_of_whoever_counts_is_bridged_and_leaves_no_drift() {
    let system = System::start().await;
    let admin = system.admin().await;
    let (leaver, _) = system.verified("leaver@example.com").await;
    let (_, deleted) = system.verified("deleted@example.com").await;
    system.drain().await;
    system.order_stream("stream-audit", json!({ "paused": true })).await;
    admin.delete(&format!("/api/v1/admin/users/{deleted}")).await.expect(200);
    let confirmation = json!({ "confirmation": "DELETE MY ACCOUNT" });
    leaver.send(Method::DELETE, "/api/v1/gdpr/delete/my-account", Some(confirmation)).await.expect(200);
    for name in ["ada", "bob"] {
        system.register_and_verify(&format!("{name}@example.com")).await;
    }
    system.settle().await;
    assert_eq!(system.clean_up().await["counters"]["done"], 0, "it may be under way");
    assert_eq!(total_users(&admin).await, 3);
    system.advance(SETTLED).await;
    assert_eq!(system.clean_up().await["counters"]["done"], 4);
    for _ in 0..2 {
        assert_eq!(total_users(&admin).await, 3, "the administrator, Ada and Bob");
        assert_eq!(system.clean_up().await["counters"]["done"], 0);
    }
    system.order_stream("stream-audit", json!({ "paused": false })).await;
    system.drain().await;
    assert_eq!(total_users(&admin).await, 3);
    assert_eq!(system.clean_up().await["counters"]["done"], 0);
    let stats = admin.get("/api/v1/admin/stats").await.expect(200);
    assert_eq!([&stats["unverified_users"], &stats["unapproved_users"]], [&json!(0), &json!(2)]);
}

#[tokio::test]
async fn an_account_that_cannot_be_read_keeps_no_other_from_being_counted_and_no_drift_from_being_mended() {
    let system = System::start().await;
    let admin = system.admin().await;
    system.register("damaged@example.com").await;
    system.drain().await;
    damage_the_account(&system, "damaged@example.com").await;
    system.order_stream("stream-audit", json!({ "paused": true })).await;
    system.register("ada@example.com").await;
    system.advance(SETTLED).await;
    system.raw_table().await.add(COUNTERS, "users", 5).await;
    assert_eq!(system.anybody().post("/_local/run/scheduled-cleanup", json!({})).await.status, 502);
    assert_eq!(total_users(&admin).await, 3, "the administrator, who is damaged, and Ada");
}

#[tokio::test]
async fn what_a_person_is_counted_as_goes_two_weeks_after_them() {
    let system = System::start().await;
    let person = system.verified("ada@example.com").await.0;
    let confirmation = json!({ "confirmation": "DELETE MY ACCOUNT" });
    person.send(Method::DELETE, "/api/v1/gdpr/delete/my-account", Some(confirmation)).await.expect(200);
    let counted = async || {
        let items = system.items("counted").await;
        items.iter().filter(|item| item["counters"].is_null()).count()
    };
    assert_eq!((system.items("counted").await.len(), counted().await), (2, 1));
    // Two more days are given to the table's time to live.
    system.advance(17 * 86_400).await;
    for _ in 0..24 {
        system.clean_up().await;
    }
    assert_eq!(system.items("counted").await.len(), 1);
}

#[tokio::test]
async fn a_run_that_failed_is_made_up_for_by_the_next() {
    let system = System::start().await;
    let admin = system.admin().await;
    system.drain().await;
    system.raw_table().await.add(COUNTERS, "users", 1).await;
    let fault = json!({ "service": "dynamodb", "operation": "TransactWriteItems", "kind": "error_after_commit", "count": 9 });
    system.order_fault(fault).await;
    assert_eq!(system.anybody().post("/_local/run/scheduled-cleanup", json!({})).await.status, 502);
    system.cancel_faults().await;
    system.clean_up().await;
    assert_eq!(total_users(&admin).await, 1);
}

#[tokio::test]
async fn an_address_that_nobody_proved_is_free_again_after_thirty_days() {
    let system = System::start().await;
    system.register("ada@example.com").await;
    let bob = system.verified("bob@example.com").await.0;
    system.advance(LONG - 2 * 86_400).await;
    assert_eq!(system.clean_up().await["unverified"], json!({ "looked_at": 0, "done": 0, "left": false }));
    system.advance(2 * 86_400).await;
    system.register("late@example.com").await;
    assert_eq!(system.clean_up().await["unverified"], json!({ "looked_at": 3, "done": 1, "left": false }));
    assert_eq!(system.clean_up().await["unverified"]["looked_at"], 0, "each is looked at once");
    bob.login("bob@example.com", PASSWORD).await.expect(200);
    assert_eq!(system.credential("ada@example.com").await, Value::Null);
    system.register("ada@example.com").await;
    system.drain().await;
    assert_eq!(total_users(&system.admin().await).await, 4);
    let events = system.events("system.user_erased").await;
    assert_eq!((events.len(), &events[0]["data"]["reason"]), (1, &json!("never_verified")));
}

#[tokio::test]
async fn who_is_deleted_is_erased_with_all_that_is_theirs_when_their_time_has_come() {
    let system = System::start_with(&[("DELETED_ACCOUNT_RETENTION_DAYS", "1")]).await;
    let (ada, id) = system.verified("ada@example.com").await;
    ada.login("ada@example.com", PASSWORD).await.expect(200);
    system.admin().await.delete(&format!("/api/v1/admin/users/{id}")).await.expect(200);
    assert_eq!(system.clean_up().await["deleted"], json!({ "looked_at": 0, "done": 0, "left": false }));
    // Sessions would live for a week.
    system.advance(25 * 3_600).await;
    assert_eq!(system.clean_up().await["deleted"], json!({ "looked_at": 1, "done": 1, "left": false }));
    assert_eq!(system.clean_up().await["deleted"]["looked_at"], 0);
    let theirs = |item: &Value| {
        let key = item["PK"].as_str().unwrap_or_default();
        item["user_id"] == *id && ["session", "credential"].contains(&item["entity"].as_str().unwrap())
            || item["entity"] == "user" && item["id"] == *id
            || key.contains("ada@")
    };
    assert!(!system.table().await.iter().any(theirs), "nothing is left");
    assert_eq!(total_users(&system.admin().await).await, 1, "they were counted out when they were deleted");
    system.register("ada@example.com").await;
}

#[tokio::test]
async fn a_delivery_that_the_queue_lost_is_made_up_for() {
    let receiver = Receiver::start().await;
    let system = System::start().await;
    let admin = system.admin().await;
    let webhook = json!({ "url": receiver.url, "events": ["user.registered"] });
    admin.post("/api/v1/webhooks", webhook).await.expect(201);
    system.order_fault(json!({ "service": "sqs", "kind": "error", "count": 1000 })).await;
    system.register("ada@example.com").await;
    system.drain().await;
    system.cancel_faults().await;
    let nothing = json!({ "looked_at": 0, "done": 0, "left": false });
    assert_eq!(system.clean_up().await["deliveries"], nothing, "it is not late yet");
    system.advance(31 * 60).await;
    assert_eq!(system.clean_up().await["deliveries"], json!({ "looked_at": 1, "done": 1, "left": false }));
    system.drain().await;
    assert_eq!(receiver.received().len(), 1);
    system.advance(31 * 60).await;
    assert_eq!(system.clean_up().await["deliveries"], nothing);
}

#[tokio::test]
async fn what_a_webhook_that_is_gone_never_took_is_given_up() {
    let receiver = Receiver::start().await;
    receiver.answer(503, &[("retry-after", "600")]);
    let system = System::start().await;
    let admin = system.admin().await;
    let webhook = json!({ "url": receiver.url, "events": ["user.registered"] });
    let made = admin.post("/api/v1/webhooks", webhook).await.expect(201);
    system.register("ada@example.com").await;
    system.drain().await;
    admin.delete(&format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap())).await.expect(200);
    // Ten minutes, two more at most by chance, and half an hour.
    system.advance(43 * 60).await;
    system.clean_up().await;
    system.drain().await;
    assert_eq!(system.items("delivery").await[0]["state"]["name"], "failed");
    assert_eq!(system.clean_up().await["deliveries"]["looked_at"], 0);
}

#[tokio::test]
async fn what_the_time_to_live_does_not_take_is_gone_within_a_day_of_runs() {
    let system = System::start().await;
    for (key, expires_at) in [("IDEM#old", 1), ("EVENT#old", 2), ("IDEM#young", 4_000_000_000_i64)] {
        let item = json!({ "PK": key, "SK": "1", "expires_at": expires_at });
        system.put_item(&item).await;
    }
    for _ in 0..24 {
        system.clean_up().await;
    }
    let left = system.table().await;
    let is_left = |key: &str| left.iter().any(|item| item["PK"] == key);
    assert_eq!(["IDEM#old", "EVENT#old", "IDEM#young"].map(is_left), [false, false, true]);
}
