//! Webhooks: each event is told to whoever wants it, signed, until a server takes it.

mod events;
mod lanes;
mod listed;
mod once;
mod replays;
mod retries;
mod secrets;
mod switched_off;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, Receiver, System};

const WEBHOOKS: &str = "/api/v1/webhooks";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Makes a webhook; its path and its secret.
async fn make(admin: &Client, receiver: &Receiver, events: &[&str]) -> (String, String) {
    let made = admin.post(WEBHOOKS, json!({ "url": receiver.url, "events": events })).await.expect(201);
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (format!("{WEBHOOKS}/{}", text("id")), text("secret"))
}

/// A system with a webhook for `events`; its path and its secret.
async fn told(receiver: &Receiver, events: &[&str]) -> (System, Client, String, String) {
    let system = System::start().await;
    let admin = system.admin().await;
    system.drain().await;
    let (path, secret) = make(&admin, receiver, events).await;
    (system, admin, path, secret)
}

async fn test(admin: &Client, path: &str) -> String {
    let accepted = admin.post(&format!("{path}/test"), json!({})).await.expect(202);
    accepted["delivery_id"].as_str().unwrap().to_owned()
}

async fn deliveries(admin: &Client, path: &str) -> Vec<Value> {
    let list = admin.get(&format!("{path}/deliveries?limit=100")).await.expect(200);
    list["items"].as_array().unwrap().clone()
}

/// Has two attempts begin, and returns when the second one, which is answered at once, is known to have failed.
async fn fail_beside_another(receiver: &Receiver, admin: &Client, path: &str) {
    receiver.answer_at_once(500);
    for count in 1..=2 {
        test(admin, path).await;
        receiver.got(count).await;
    }
    while admin.get(path).await.json()["failing_since"].is_null() {}
}

/// Lets `seconds` pass once all that is due has happened, and all that is due then happen.
async fn pass(system: &System, seconds: i64) {
    system.drain().await;
    system.advance(seconds).await;
    system.drain().await;
}

#[tokio::test]
async fn a_webhook_is_told_by_a_signed_message_of_identifiers() {
    let receiver = Receiver::start().await;
    let (system, admin, path, secret) = told(&receiver, &["user.registered"]).await;
    let registered = system.register("ada@example.com").await;
    system.drain().await;
    let [message] = &receiver.received()[..] else { panic!("one message") };
    assert_eq!((message.signatures_of(&secret), message.signatures_of("whsec_AAAA")), (1, 0));
    assert_eq!(message.header("content-type"), "application/json");
    let event = &system.events("user.registered").await[0];
    let body = message.json();
    assert_eq!([&body["type"], &body["timestamp"]], [&event["type"], &event["at"]]);
    assert_eq!([&body["data"]["id"], &body["data"]["subject"]], [&event["id"], &registered["user_id"]]);
    assert!(!String::from_utf8_lossy(&message.body).contains("ada@"));
    let delivery = &deliveries(&admin, &path).await[0];
    assert_eq!(delivery["id"], message.header("webhook-id"));
    assert_eq!(
        [&delivery["status"], &delivery["attempts"][0]["status_code"]],
        [&json!("delivered"), &json!(204)]
    );
}

#[tokio::test]
async fn a_webhook_is_made_listed_changed_and_removed() {
    let receiver = Receiver::start().await;
    let (system, admin, path, secret) = told(&receiver, &["user.*", "user.*"]).await;
    let read = admin.get(&path).await;
    let (tag, webhook) = (read.header("etag").to_owned(), read.expect(200));
    assert_eq!([&webhook["events"], &webhook["enabled"]], [&json!(["user.*"]), &json!(true)]);
    assert!(!read.text.contains("secret"));
    let list = admin.get(WEBHOOKS).await.expect(200);
    assert_eq!([&list["items"], &list["total"]], [&json!([webhook]), &json!(1)]);

    let change = json!({ "description": " The list ", "enabled": false });
    let changed = admin.send(Method::PATCH, &path, Some(change.clone())).await.expect(200);
    assert_eq!([&changed["description"], &changed["enabled"]], [&json!("The list"), &json!(false)]);
    let late = admin.request(Method::PATCH, &path).header("if-match", tag).json(&change);
    assert_eq!(tests::Answer::of(late).await.refused(412), "PRECONDITION_FAILED");
    assert_eq!(admin.post(&format!("{path}/test"), json!({})).await.refused(409), "WEBHOOK_NOT_ENABLED");

    admin.delete(&path).await.expect(200);
    for answer in [admin.get(&path).await, admin.delete(&path).await] {
        assert_eq!(answer.refused(404), "WEBHOOK_NOT_FOUND");
    }
    for event in ["admin.webhook_created", "admin.webhook_updated", "admin.webhook_deleted"] {
        assert_eq!(system.events(event).await[0]["data"], json!({ "webhook": webhook["id"] }), "{event}");
    }
    let key = secret.trim_start_matches("whsec_");
    assert!(system.table().await.iter().all(|item| !item.to_string().contains(key)), "secrets are sealed");
}

#[tokio::test]
async fn everything_wrong_with_a_webhook_is_told_at_once() {
    let system = System::start().await;
    let admin = system.admin().await;
    let wrong = json!({ "url": "ftp://a.example/", "events": ["use.*"], "description": "a\nb" });
    assert_eq!(admin.post(WEBHOOKS, wrong).await.invalid(), ["url", "events", "description"]);
    let none = json!({ "url": "https://hooks.example.com/", "events": [] });
    assert_eq!(admin.post(WEBHOOKS, none).await.invalid(), ["events"]);
}

#[tokio::test]
async fn no_webhook_leads_into_a_network_of_ours() {
    let system = System::start_with(&[("WEBHOOK_ALLOW_LOOPBACK", "false")]).await;
    let admin = system.admin().await;
    for url in [
        "http://hooks.example.com/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://localhost./",
        "https://db.internal/",
        "https://user@hooks.example.com/",
        "https://hooks.example.com:22/",
        "file:///etc/passwd",
    ] {
        let answer = admin.post(WEBHOOKS, json!({ "url": url, "events": ["*"] })).await;
        assert_eq!(answer.invalid(), ["url"], "{url}");
    }
}

#[tokio::test]
async fn events_are_chosen_by_name_by_family_or_all() {
    let system = System::start().await;
    let admin = system.admin().await;
    system.drain().await;
    let receivers = [Receiver::start().await, Receiver::start().await, Receiver::start().await];
    for (receiver, events) in receivers.iter().zip([["user.login"], ["user.*"], ["*"]]) {
        make(&admin, receiver, &events).await;
    }
    system.user("ada@example.com").await;
    let types = |receiver: &Receiver| {
        let mut types: Vec<_> =
            receiver.received().iter().map(|it| it.json()["type"].as_str().unwrap().to_owned()).collect();
        types.sort();
        types.dedup();
        types
    };
    system.drain().await;
    assert_eq!(types(&receivers[0]), ["user.login"]);
    assert_eq!(types(&receivers[1]), ["user.approved", "user.login", "user.registered", "user.verified"]);
    let all = types(&receivers[2]);
    assert!(
        ["admin.webhook_created", "user.login", "user.registered"]
            .iter()
            .all(|it| all.contains(&(*it).into())),
        "{all:?}"
    );
}

#[tokio::test]
async fn a_webhook_of_another_tenant_is_not_there() {
    let receiver = Receiver::start().await;
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    let delivery = test(&admin, &path).await;
    let mut theirs = system.items("endpoint").await.remove(0);
    system.delete_item(&theirs).await;
    theirs["PK"] = json!("HOOKS#other");
    theirs["tenant"] = json!("other");
    system.put_item(&theirs).await;
    let at = |rest: &str| format!("{path}/{rest}");
    let replay = json!({ "delivery_id": delivery });
    for answer in [
        admin.get(&path).await,
        admin.send(Method::PATCH, &path, Some(json!({ "enabled": false }))).await,
        admin.delete(&path).await,
        admin.get(&at("deliveries")).await,
        admin.post(&at("test"), json!({})).await,
        admin.post(&at("replay"), replay).await,
        admin.post(&at("rotate-secret"), json!({})).await,
    ] {
        assert_eq!(answer.refused(404), "WEBHOOK_NOT_FOUND");
    }
    assert_eq!(admin.get(WEBHOOKS).await.expect(200)["total"], 0);
    assert_eq!(system.items("endpoint").await, [theirs], "and nothing happened to it");
}

#[tokio::test]
async fn a_webhook_is_nobody_elses() {
    let receiver = Receiver::start().await;
    let (system, _, path, _) = told(&receiver, &["bulk.*"]).await;
    for role in ["user", "manager", "moderator", "auditor"] {
        let other = system.with_role(&format!("{role}@example.com"), role).await;
        assert_eq!(other.get(&path).await.refused(403), "INSUFFICIENT_PERMISSIONS", "{role}");
        assert_eq!(other.post(&format!("{path}/rotate-secret"), json!({})).await.status, 403, "{role}");
    }
}

#[tokio::test]
async fn a_tenant_has_fifty_webhooks_at_most() {
    let receiver = Receiver::start().await;
    let (_system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    let form = json!({ "url": receiver.url, "events": ["bulk.*"] });
    for _ in 1..50 {
        admin.post(WEBHOOKS, form.clone()).await.expect(201);
    }
    assert_eq!(admin.post(WEBHOOKS, form.clone()).await.refused(409), "TOO_MANY_WEBHOOKS");
    admin.delete(&path).await.expect(200);
    admin.post(WEBHOOKS, form).await.expect(201);
}
