//! The stream misbehaves: it brings what it has again, or after a day; records are given up, and come back. At the end
//! everything was done, and once.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, Ledger, NEW_PASSWORD, PASSWORD, Receiver, System};

const CONSUMERS: [&str; 3] = ["stream-audit", "stream-bulk", "stream-fanout"];
const HOUR: i64 = 3_600;

/// A system with a webhook that wants everything, and its administrator.
async fn told(receiver: &Receiver) -> (System, Client) {
    let system = System::start().await;
    let admin = system.admin().await;
    let webhook = json!({ "url": receiver.url, "events": ["*"] });
    admin.post("/api/v1/webhooks", webhook).await.expect(201);
    system.drain().await;
    (system, admin)
}

/// Has this and that happen to somebody of this address.
async fn live(system: &System, email: &str) {
    let person = system.user(email).await;
    person.login(email, NEW_PASSWORD).await.refused(401);
    person.put("/api/v1/profile/me", json!({ "first_name": "Zoe" })).await.expect(200);
    person.post("/api/v1/auth/password-reset", json!({ "email": email })).await.expect(200);
}

/// An order for accounts with these numbers.
fn rows(numbers: impl Iterator<Item = u32>) -> Value {
    let row = |n| json!({ "email": format!("n{n}@example.com"), "first_name": "John", "last_name": "Doe" });
    json!({ "operation": "create_users", "items": numbers.map(row).collect::<Vec<_>>() })
}

/// The mapping of each consumer to the stream behaves so.
pub(super) async fn order(system: &System, order: Value) {
    for consumer in CONSUMERS {
        system.order_stream(consumer, order.clone()).await;
    }
}

/// The keys of all items.
async fn keys(system: &System) -> Vec<String> {
    let table = system.table().await;
    table.iter().map(|item| format!("{} {}", item["PK"], item["SK"])).collect()
}

/// The items that count.
async fn counters(system: &System) -> Vec<Value> {
    let counts = |item: &Value| item["PK"].as_str().is_some_and(|key| key.starts_with("COUNT#"));
    system.table().await.into_iter().filter(counts).collect()
}

/// Damages how far the audit trail goes, so that nothing can be recorded; what it was.
pub(super) async fn damage_the_audit_trail(system: &System) -> Value {
    let head = system.items("audit_head").await.remove(0);
    let mut damaged = head.clone();
    damaged["hash"] = json!("damaged");
    system.put_item(&damaged).await;
    head
}

#[tokio::test]
async fn what_is_brought_three_times_is_done_once() {
    let receiver = Receiver::start().await;
    let (system, admin) = told(&receiver).await;
    order(&system, json!({ "deliveries": 3 })).await;
    live(&system, "ada@example.com").await;
    // More than is done at once.
    admin.post("/api/v1/bulk/users/create", rows((0..1_100).map(|_| 1))).await.expect(202);
    Ledger::of(&system, &receiver).await.assert_balanced();
    assert_eq!(system.events("bulk.completed").await.len(), 1);
}

#[tokio::test]
async fn what_is_old_and_brought_after_what_is_new_changes_nothing() {
    let receiver = Receiver::start().await;
    let (system, _) = told(&receiver).await;
    live(&system, "ada@example.com").await;
    let (before, stood) = (Ledger::of(&system, &receiver).await, keys(&system).await);
    order(&system, json!({ "rewind": true })).await;
    let after = Ledger::of(&system, &receiver).await;
    after.assert_balanced();
    assert_eq!((after, keys(&system).await), (before, stood));
}

#[tokio::test]
async fn a_record_that_nobody_understands_holds_up_no_other_and_comes_once_it_is_mended() {
    let receiver = Receiver::start().await;
    let (system, _) = told(&receiver).await;
    system.register("ada@example.com").await;
    let good = system.events("user.registered").await.remove(0);
    let mut poison = good.clone();
    poison["PK"] = json!("EVENT#6f1c2b0e-3d4a-4b5c-8d6e-7f8091a2b3c4");
    poison["id"] = json!("evt_6f1c2b0e3d4a4b5c8d6e7f8091a2b3c4");
    poison["type"] = json!("nobody.knows");
    system.put_item(&poison).await;
    system.register("bob@example.com").await;
    let ledger = Ledger::of(&system, &receiver).await;
    assert_eq!(
        [ledger.recorded.len(), ledger.told.len()],
        [ledger.events.len() - 1, ledger.wanted.len() - 1]
    );
    let letters = system.dead_letters().await;
    let function =
        |letter: &Value| letter["body"]["requestContext"]["functionArn"].as_str().unwrap().to_owned();
    let mut functions: Vec<_> = letters.iter().map(function).collect();
    functions.sort();
    assert!(functions[0].ends_with(":stream-audit") && functions[1].ends_with(":stream-fanout"));

    poison["type"] = good["type"].clone();
    system.put_item(&poison).await;
    let report = system.replay(json!({})).await.expect(200);
    assert_eq!([&report["messages"], &report["left"]], [&json!(2), &json!(false)]);
    Ledger::of(&system, &receiver).await.assert_balanced();
    assert_eq!(system.dead_letters().await, [Value::Null; 0]);
}

#[tokio::test]
async fn what_was_given_up_comes_when_the_cause_is_mended_and_someone_asks_for_it() {
    let receiver = Receiver::start().await;
    let (system, admin) = told(&receiver).await;
    let head = damage_the_audit_trail(&system).await;
    system.register("ada@example.com").await;
    system.drain().await;
    assert_eq!(system.dead_letters().await.len(), 1);
    system.put_item(&head).await;
    assert_ne!(Ledger::of(&system, &receiver).await.recorded, Ledger::of(&system, &receiver).await.events);
    let report = system.replay(json!({})).await.expect(200);
    assert_eq!(
        [&report["messages"], &report["unreadable"], &report["left"]],
        [&json!(1), &json!(0), &json!(false)]
    );
    Ledger::of(&system, &receiver).await.assert_balanced();
    assert_eq!(system.replay(json!({})).await.expect(200)["brought_again"], 0, "there is no letter any more");
    assert_eq!(admin.get("/api/v1/audit/verify").await.expect(200)["valid"], true);
}

#[tokio::test]
async fn an_account_whose_event_was_given_up_is_counted_without_it_and_once() {
    let receiver = Receiver::start().await;
    let (system, admin) = told(&receiver).await;
    let leaver = system.user("leaver@example.com").await;
    let head = damage_the_audit_trail(&system).await;
    system.register("ada@example.com").await;
    let confirmation = Some(json!({ "confirmation": "DELETE MY ACCOUNT" }));
    leaver.send(Method::DELETE, "/api/v1/gdpr/delete/my-account", confirmation).await.expect(200);
    system.drain().await;
    assert_ne!(system.dead_letters().await.len(), 0);
    system.put_item(&head).await;
    system.advance(61).await;
    assert_eq!(system.clean_up().await["counters"]["done"], 2);
    system.drain().await;
    let counted = counters(&system).await;
    let accounts = |counters: &[Value]| counters.iter().find(|item| item["SK"] == "USERS").cloned();
    assert_eq!(admin.get("/api/v1/admin/stats").await.expect(200)["unverified_users"], 1);
    system.replay(json!({})).await.expect(200);
    Ledger::of(&system, &receiver).await.assert_balanced();
    assert_eq!(accounts(&counters(&system).await), accounts(&counted));
    assert_eq!(system.clean_up().await["counters"]["done"], 0);
}

#[tokio::test]
async fn what_is_given_up_again_comes_again() {
    let receiver = Receiver::start().await;
    let (system, _) = told(&receiver).await;
    let head = damage_the_audit_trail(&system).await;
    system.register("ada@example.com").await;
    system.drain().await;
    // By then the event is older than its second letter tells.
    system.advance(HOUR).await;
    assert_eq!(system.replay(json!({})).await.expect(200)["messages"], 1);
    system.drain().await;
    assert_ne!(system.dead_letters().await.len(), 0);
    system.put_item(&head).await;
    system.replay(json!({})).await.expect(200);
    Ledger::of(&system, &receiver).await.assert_balanced();
}

#[tokio::test]
async fn a_replay_that_is_cut_off_loses_no_letter_and_the_next_one_goes_on() {
    let receiver = Receiver::start().await;
    let (system, _) = told(&receiver).await;
    let head = damage_the_audit_trail(&system).await;
    for name in ["ada", "bob", "cyd"] {
        system.register(&format!("{name}@example.com")).await;
    }
    system.drain().await;
    system.put_item(&head).await;
    for operation in ["Scan", "UpdateItem"] {
        let fault =
            json!({ "service": "dynamodb", "operation": operation, "kind": "error", "skip": 1, "count": 3 });
        system.order_fault(fault).await;
        assert_eq!(system.replay(json!({})).await.status, 502, "{operation}");
        system.cancel_faults().await;
        assert_eq!(system.dead_letters().await.len(), 3);
    }
    let report = system.replay(json!({})).await.expect(200);
    assert_eq!([&report["messages"], &report["left"]], [&json!(3), &json!(false)]);
    Ledger::of(&system, &receiver).await.assert_balanced();
}

#[tokio::test]
async fn a_bulk_operation_that_was_given_up_goes_on() {
    let receiver = Receiver::start().await;
    let (system, admin) = told(&receiver).await;
    system.order_stream("stream-bulk", json!({ "paused": true })).await;
    let accepted = admin.post("/api/v1/bulk/users/create", rows((0..1_100).map(|_| 1))).await.expect(202);
    system.drain().await;
    system
        .order_fault(
            json!({ "service": "dynamodb", "operation": "BatchGetItem", "kind": "error", "count": 1_000 }),
        )
        .await;
    system.order_stream("stream-bulk", json!({ "paused": false })).await;
    system.drain().await;
    system.cancel_faults().await;
    assert_eq!(system.dead_letters().await.len(), 1);
    assert_eq!(system.replay(json!({})).await.expect(200)["messages"], 1);
    Ledger::of(&system, &receiver).await.assert_balanced();
    let path = format!("/api/v1/bulk/operations/{}", accepted["operation_id"].as_str().unwrap());
    let operation = admin.get(&path).await.expect(200);
    assert_eq!([&operation["state"], &operation["successful"]], [&json!("completed"), &json!(1)]);
}

#[tokio::test]
async fn a_message_that_is_no_letter_stays_for_a_person_to_look_at() {
    let system = System::start().await;
    let cloud = system.anybody().get("/_local").await.expect(200);
    let queue = &cloud["environment"]["DEAD_LETTER_QUEUE_URL"];
    let message = json!({ "QueueUrl": queue, "MessageBody": "{}" }).to_string();
    let request = reqwest::Client::new().post(cloud["aws_endpoint"].as_str().unwrap());
    let sent = request.header("x-amz-target", "AmazonSQS.SendMessage").body(message).send().await;
    assert_eq!(sent.unwrap().status(), 200);
    for _ in 0..2 {
        let report = system.replay(json!({})).await.expect(200);
        assert_eq!(report, json!({ "messages": 0, "brought_again": 0, "unreadable": 1, "left": false }));
    }
}

#[tokio::test]
async fn a_day_that_the_audit_trail_let_go_does_not_come_back() {
    let system = System::start_with(&[("AUDIT_RETENTION_DAYS", "1")]).await;
    system.register("ada@example.com").await;
    system.drain().await;
    system.advance(72 * HOUR).await;
    assert_eq!(system.clean_up().await["audit"]["done"], 1);
    let counted = counters(&system).await;
    order(&system, json!({ "rewind": true })).await;
    assert_eq!(counters(&system).await, counted);
    assert_eq!(system.items("audit").await, [Value::Null; 0]);
}

#[tokio::test]
async fn who_is_down_for_a_day_misses_nothing() {
    let receiver = Receiver::start().await;
    let (system, admin) = told(&receiver).await;
    order(&system, json!({ "paused": true })).await;
    admin.post("/api/v1/bulk/users/create", rows(0..100)).await.expect(200);
    system.advance(12 * HOUR).await;
    let admin = system.anybody().signed_in(tests::ADMIN, PASSWORD).await;
    for name in ["Ada", "Bea"].repeat(25) {
        admin.put("/api/v1/profile/me", json!({ "first_name": name })).await.expect(200);
    }
    system.advance(12 * HOUR).await;
    order(&system, json!({ "paused": false })).await;
    let ledger = Ledger::of(&system, &receiver).await;
    ledger.assert_balanced();
    assert!(ledger.wanted.len() > 150 && ledger.mails.len() == 100);
    let mut records = system.items("audit").await;
    records.sort_by_key(|record| (record["PK"].to_string(), record["seq"].as_u64()));
    let place = |record: &Value| record["SK"].as_str().and_then(|it| it.split('#').next()).map(str::to_owned);
    assert!(records.is_sorted_by_key(place), "recorded in the order in which it happened");
}

#[tokio::test]
async fn what_tells_of_somebody_erased_brings_nothing_of_them_back() {
    let receiver = Receiver::start().await;
    let (system, _) = told(&receiver).await;
    let ada = system.user("ada@example.com").await;
    let confirmation = Some(json!({ "confirmation": "DELETE MY ACCOUNT", "reason": "" }));
    ada.send(Method::DELETE, "/api/v1/gdpr/delete/my-account", confirmation).await.expect(200);
    let (before, stood) = (Ledger::of(&system, &receiver).await, keys(&system).await);
    let always = json!({ "span": { "from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" } });
    let report = system.replay(always).await.expect(200);
    assert_eq!([&report["brought_again"], &report["left"]], [&json!(before.events.len()), &json!(false)]);
    order(&system, json!({ "rewind": true })).await;
    let after = Ledger::of(&system, &receiver).await;
    after.assert_balanced();
    assert_eq!((after, keys(&system).await), (before, stood));
    assert!(!keys(&system).await.iter().any(|key| key.contains("ada@")));
}
