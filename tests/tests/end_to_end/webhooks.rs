//! Webhooks: each event is told to whoever wants it, signed, until a server takes it.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADMIN, Client, Receiver, System};

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
async fn what_fails_is_tried_again_with_the_same_id_and_body() {
    let receiver = Receiver::start().await;
    receiver.answer(503, &[("retry-after", "60")]);
    receiver.answer(404, &[]);
    let (system, admin, path, secret) = told(&receiver, &["bulk.*"]).await;
    let id = test(&admin, &path).await;
    system.drain().await;
    assert_eq!(receiver.received().len(), 1);
    pass(&system, 73).await;
    assert_eq!(receiver.received().len(), 2, "after a minute, as it asked for");
    pass(&system, 240).await;
    assert_eq!(receiver.received().len(), 2, "not before five minutes");
    pass(&system, 121).await;
    let messages = receiver.received();
    assert_eq!(messages.len(), 3);
    for message in &messages {
        assert_eq!((message.header("webhook-id"), message.signatures_of(&secret)), (id.as_str(), 1));
        assert_eq!(message.body, messages[0].body);
    }
    assert_ne!(messages[0].header("webhook-timestamp"), messages[2].header("webhook-timestamp"));
    let delivery = &deliveries(&admin, &path).await[0];
    let statuses: Vec<_> =
        delivery["attempts"].as_array().unwrap().iter().map(|it| it["status_code"].clone()).collect();
    assert_eq!(
        (&delivery["status"], statuses),
        (&json!("delivered"), vec![json!(503), json!(404), json!(204)])
    );
    assert_eq!(admin.get(&path).await.json()["failing_since"], Value::Null);
}

#[tokio::test]
async fn who_is_busy_is_left_alone_for_as_long_as_they_ask() {
    let receiver = Receiver::start().await;
    receiver.answer(429, &[("retry-after", "1800")]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    test(&admin, &path).await;
    system.drain().await;
    pass(&system, 1_500).await;
    assert_eq!(receiver.received().len(), 1);
    // The queue holds a message for 15 minutes at most, so that this one is put back once.
    pass(&system, 900).await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn who_asks_for_rest_is_told_nothing_until_then_and_everything_within_a_while() {
    let receiver = Receiver::start().await;
    receiver.answer(503, &[("retry-after", "3600")]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    test(&admin, &path).await;
    system.drain().await;
    for _ in 0..30 {
        test(&admin, &path).await;
    }
    for seconds in [60, 1_500, 1_500] {
        pass(&system, seconds).await;
        assert_eq!(receiver.received().len(), 1);
    }
    let waiting: std::collections::HashSet<_> =
        deliveries(&admin, &path).await.iter().map(|it| it["next_attempt_at"].to_string()).collect();
    assert!(waiting.len() > 2, "they do not all come back at once: {waiting:?}");
    for _ in 0..3 {
        pass(&system, 600).await;
    }
    assert_eq!(receiver.received().len(), 32);
    let tries = |it: &Value| it["attempts"].as_array().unwrap().len();
    let deliveries = deliveries(&system.admin().await, &path).await;
    assert!(deliveries.iter().all(|it| it["status"] == "delivered"));
    assert_eq!(deliveries.iter().map(tries).sum::<usize>(), 32, "waiting is no attempt");
}

#[tokio::test]
async fn a_wish_for_rest_ends_with_what_an_administrator_does_about_it() {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    for _ in 0..2 {
        receiver.answer(429, &[("retry-after", "3600")]);
    }
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    for (change, told) in [(json!({ "enabled": true }), &receiver), (json!({ "url": other.url }), &other)] {
        test(&admin, &path).await;
        system.drain().await;
        assert_ne!(admin.get(&path).await.json()["failing_since"], Value::Null);
        let (before, changed) = (told.received().len(), admin.send(Method::PATCH, &path, Some(change)).await);
        assert_eq!(changed.expect(200)["failing_since"], Value::Null);
        test(&admin, &path).await;
        system.drain().await;
        assert_eq!(told.received().len(), before + 1);
    }
}

#[tokio::test]
async fn a_redirect_is_followed_by_nobody() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    for _ in 0..2 {
        receiver.answer(302, &[("location", &elsewhere.url)]);
    }
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    test(&admin, &path).await;
    system.drain().await;
    assert_eq!((receiver.received().is_empty(), elsewhere.received().len()), (false, 0));
    assert_eq!(deliveries(&admin, &path).await[0]["attempts"][0]["status_code"], 302);
}

#[tokio::test]
async fn a_server_that_is_gone_is_switched_off_at_once() {
    let receiver = Receiver::start().await.answering(&[410]);
    let (system, admin, path, _) = told(&receiver, &["user.*"]).await;
    test(&admin, &path).await;
    system.drain().await;
    let webhook = admin.get(&path).await.expect(200);
    assert_eq!([&webhook["enabled"], &webhook["disabled_reason"]], [&json!(false), &json!("gone")]);
    system.register("ada@example.com").await;
    pass(&system, DAY).await;
    assert_eq!(receiver.received().len(), 1);
    let event = &system.events("webhook.disabled").await[0];
    assert_eq!(event["data"], json!({ "webhook": webhook["id"], "reason": "gone" }));
    assert!(system.mails(ADMIN).await.is_empty());
}

#[tokio::test]
async fn a_server_is_switched_off_though_another_attempt_fails_while_it_says_that_it_is_gone() {
    let receiver = Receiver::start().await.answering(&[410]).holding();
    receiver.answer_at_once(500);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    for count in 1..=2 {
        test(&admin, &path).await;
        receiver.got(count).await;
    }
    // The failure is known before the other answer comes.
    while admin.get(&path).await.json()["failing_since"].is_null() {}
    receiver.release();
    system.drain().await;
    let webhook = admin.get(&path).await.expect(200);
    assert_eq!([&webhook["enabled"], &webhook["disabled_reason"]], [&json!(false), &json!("gone")]);
    assert_eq!(system.events("webhook.disabled").await.len(), 1);
}

#[tokio::test]
async fn a_server_is_switched_off_though_its_webhook_is_changed_while_it_says_that_it_is_gone() {
    for (change, is_gone) in [
        (json!({ "description": "The list" }), true),
        (json!({ "url": "http://127.0.0.1:9/" }), false),
        (json!({ "enabled": false }), false),
    ] {
        let receiver = Receiver::start().await.answering(&[410]).holding();
        let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
        test(&admin, &path).await;
        receiver.got(1).await;
        admin.send(Method::PATCH, &path, Some(change.clone())).await.expect(200);
        receiver.release();
        system.drain().await;
        let disabled = &admin.get(&path).await.expect(200)["disabled_reason"];
        assert_eq!(disabled == "gone", is_gone, "{change}");
        assert_eq!(deliveries(&admin, &path).await[0]["status"], "failed", "{change}");
    }
}

#[tokio::test]
async fn that_a_server_is_gone_is_not_forgotten_when_the_table_fails() {
    let receiver = Receiver::start().await.answering(&[410, 410]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    let fault =
        json!({ "service": "dynamodb", "operation": "TransactWriteItems", "kind": "error", "count": 99 });
    system.order_fault(fault).await;
    test(&admin, &path).await;
    system.settle().await;
    system.cancel_faults().await;
    assert_eq!(admin.get(&path).await.json()["enabled"], true);
    // The message comes again after three minutes.
    pass(&system, 200).await;
    let webhook = admin.get(&path).await.expect(200);
    assert_eq!([&webhook["disabled_reason"], &json!(receiver.received().len())], [&json!("gone"), &json!(2)]);
}

#[tokio::test]
async fn a_server_that_takes_nothing_for_five_days_is_switched_off_and_whoever_made_it_is_told() {
    let receiver = Receiver::start().await.answering(&[500; 30]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    test(&admin, &path).await;
    system.drain().await;
    let hours = async |hours: std::ops::Range<i64>| {
        for _ in hours.step_by(2) {
            pass(&system, 2 * HOUR).await;
            system.clean_up().await;
        }
        system.admin().await.get(&path).await.expect(200)
    };
    // What there was to tell is given up on the fourth day.
    assert_eq!((&hours(0..96).await["enabled"], receiver.received().len()), (&json!(true), 10));
    assert_eq!(hours(96..118).await["enabled"], true);
    let (webhook, admin) = (hours(118..122).await, system.admin().await);
    assert_eq!([&webhook["enabled"], &webhook["disabled_reason"]], [&json!(false), &json!("failing")]);
    let event = &system.events("webhook.disabled").await[0];
    assert_eq!(event["data"], json!({ "webhook": webhook["id"], "reason": "failing" }));
    let mails = system.mails(ADMIN).await;
    assert!(mails.len() == 1 && mails[0]["text"].as_str().unwrap().contains(webhook["id"].as_str().unwrap()));
    system.clean_up().await;
    assert_eq!((system.mails(ADMIN).await.len(), receiver.received().len()), (1, 10));

    let enabled = admin.send(Method::PATCH, &path, Some(json!({ "enabled": true }))).await.expect(200);
    assert_eq!([&enabled["failing_since"], &enabled["disabled_reason"]], [&Value::Null, &Value::Null]);
}

#[tokio::test]
async fn a_failure_long_after_another_begins_anew_where_something_was_taken_in_between() {
    let receiver = Receiver::start().await.answering(&[500, 204, 500]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    test(&admin, &path).await;
    pass(&system, 7).await;
    pass(&system, 6 * DAY).await;
    let admin = system.admin().await;
    test(&admin, &path).await;
    system.drain().await;
    system.clean_up().await;
    assert_eq!(admin.get(&path).await.expect(200)["enabled"], true);
    pass(&system, 7).await;
    assert!(deliveries(&admin, &path).await.iter().all(|it| it["status"] == "delivered"));
}

#[tokio::test]
async fn a_dead_server_holds_up_no_other() {
    let receiver = Receiver::start().await;
    let (system, admin, _, _) = told(&receiver, &["user.registered"]).await;
    let dead = json!({ "url": "http://127.0.0.1:9/", "events": ["user.registered"] });
    let dead = admin.post(WEBHOOKS, dead).await.expect(201);
    for index in 0..5 {
        system.register(&format!("ada{index}@example.com")).await;
    }
    system.drain().await;
    assert_eq!(receiver.received().len(), 5);
    let failed = deliveries(&admin, &format!("{WEBHOOKS}/{}", dead["id"].as_str().unwrap())).await;
    assert_eq!(failed.len(), 5);
    assert!(
        failed.iter().all(|it| it["status"] == "pending" && it["attempts"][0]["error"] == "not_connected")
    );
}

#[tokio::test]
async fn a_replaced_secret_signs_along_for_a_day() {
    let receiver = Receiver::start().await;
    let (system, admin, path, old) = told(&receiver, &["bulk.*"]).await;
    let rotated = admin.post(&format!("{path}/rotate-secret"), json!({})).await.expect(200);
    let new = rotated["secret"].as_str().unwrap();
    test(&admin, &path).await;
    pass(&system, DAY + HOUR).await;
    test(&system.admin().await, &path).await;
    system.drain().await;
    let messages = receiver.received();
    let signed = |index: usize| (messages[index].signatures_of(&old), messages[index].signatures_of(new));
    assert_eq!((signed(1), messages.len()), ((0, 1), 2));
    assert_eq!(system.events("admin.webhook_secret_rotated").await.len(), 1);
}

#[tokio::test]
async fn two_secrets_make_two_signatures() {
    let receiver = Receiver::start().await;
    let (system, admin, path, old) = told(&receiver, &["bulk.*"]).await;
    let rotated = admin.post(&format!("{path}/rotate-secret"), json!({})).await.expect(200);
    test(&admin, &path).await;
    system.drain().await;
    let message = &receiver.received()[0];
    let secrets = [old.as_str(), rotated["secret"].as_str().unwrap()];
    assert_eq!(secrets.map(|secret| message.signatures_of(secret)), [1, 1]);
}

#[tokio::test]
async fn a_secret_that_was_replaced_twice_signs_for_as_long_as_was_promised() {
    let receiver = Receiver::start().await;
    let (system, admin, path, first) = told(&receiver, &["bulk.*"]).await;
    let rotate = format!("{path}/rotate-secret");
    let mut secrets = vec![first];
    let mut until = Vec::new();
    for _ in 0..4 {
        let rotated = admin.post(&rotate, json!({})).await.expect(200);
        secrets.push(rotated["secret"].as_str().unwrap().to_owned());
        until.push(rotated["previous_secret_valid_until"].clone());
    }
    let refused = admin.post(&rotate, json!({})).await;
    assert_eq!(refused.json()["error"]["details"]["possible_from"], until[0]);
    assert_eq!(refused.refused(409), "TOO_MANY_SECRETS");
    test(&admin, &path).await;
    pass(&system, DAY + HOUR).await;
    let admin = system.admin().await;
    admin.post(&rotate, json!({})).await.expect(200);
    test(&admin, &path).await;
    system.drain().await;
    let messages = receiver.received();
    let signatures =
        |index: usize| secrets.iter().map(|it| messages[index].signatures_of(it)).collect::<Vec<_>>();
    assert_eq!([signatures(0), signatures(1)], [vec![1; 5], vec![0, 0, 0, 0, 1]]);
}

#[tokio::test]
async fn a_delivery_is_replayed_with_the_id_that_it_had() {
    let receiver = Receiver::start().await;
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    let id = test(&admin, &path).await;
    system.drain().await;
    let replay = format!("{path}/replay");
    let replayed = admin.post(&replay, json!({ "delivery_id": id })).await.expect(202);
    assert_eq!(replayed["replayed"], json!([id]));
    system.drain().await;
    let ids: Vec<_> = receiver.received().iter().map(|it| it.header("webhook-id").to_owned()).collect();
    assert_eq!(ids, [id.clone(), id]);
    let unknown = json!({ "delivery_id": "msg_00000000000040008000000000000000" });
    assert_eq!(admin.post(&replay, unknown).await.refused(404), "DELIVERY_NOT_FOUND");
    assert_eq!(admin.post(&replay, json!({})).await.invalid(), ["delivery_id"]);
}

#[tokio::test]
async fn what_is_being_attempted_is_not_replayed_and_what_is_due_is_queued_once() {
    let receiver = Receiver::start().await.answering(&[500, 500]).holding();
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    let (replay, body) = (format!("{path}/replay"), json!({ "delivery_id": test(&admin, &path).await }));
    receiver.got(1).await;
    assert_eq!(admin.post(&replay, body.clone()).await.refused(409), "DELIVERY_IN_FLIGHT");
    let span = admin.post(&replay, json!({ "since": "2020-01-01" })).await.expect(202);
    assert_eq!(span["replayed"], json!([]));
    receiver.release();
    // After the second attempt it waits for minutes.
    pass(&system, 7).await;
    system.order_stream("webhook-delivery", json!({ "paused": true })).await;
    for _ in 0..3 {
        admin.post(&replay, body.clone()).await.expect(202);
    }
    let waiting = system.anybody().get("/_local/queues").await.expect(200);
    assert_eq!(
        waiting.as_array().unwrap().len(),
        2,
        "one message is due, and one leads to what was due later"
    );
}

#[tokio::test]
async fn what_was_not_delivered_in_a_span_is_replayed_and_nothing_else() {
    let receiver = Receiver::start().await.answering(&[204, 500, 500, 500, 500]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    test(&admin, &path).await;
    system.drain().await;
    system.advance(60).await;
    let failed = [test(&admin, &path).await, test(&admin, &path).await];
    // After the second attempt they wait for minutes.
    pass(&system, 7).await;
    let span = json!({ "since": "2020-01-01" });
    let answer = admin.post(&format!("{path}/replay"), span).await.expect(202);
    let mut replayed: Vec<_> =
        answer["replayed"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect();
    let mut expected = failed.to_vec();
    replayed.sort();
    expected.sort();
    assert_eq!((replayed, &answer["next_since"]), (expected, &Value::Null));
    system.drain().await;
    assert_eq!(receiver.received().len(), 7);
    assert!(deliveries(&admin, &path).await.iter().all(|it| it["status"] == "delivered"));
}

#[tokio::test]
async fn what_is_pending_for_a_webhook_that_is_paused_is_given_up_and_nothing_is_queued() {
    let receiver = Receiver::start().await;
    receiver.answer(503, &[("retry-after", "600")]);
    let (system, admin, path, _) = told(&receiver, &["user.registered"]).await;
    test(&admin, &path).await;
    system.drain().await;
    admin.send(Method::PATCH, &path, Some(json!({ "enabled": false }))).await.expect(200);
    system.register("ada@example.com").await;
    pass(&system, 1_800).await;
    assert_eq!(receiver.received().len(), 1);
    let deliveries = deliveries(&admin, &path).await;
    assert_eq!((deliveries.len(), &deliveries[0]["status"]), (1, &json!("failed")));
}

#[tokio::test]
async fn a_message_that_comes_again_and_again_makes_one_delivery() {
    let receiver = Receiver::start().await;
    let (system, admin, path, _) = told(&receiver, &["user.registered"]).await;
    // Three times, the queue does not take what the stream brings.
    system.order_fault(json!({ "service": "sqs", "kind": "error", "count": 9 })).await;
    system.register("ada@example.com").await;
    system.drain().await;
    system.drain().await;
    assert_eq!((receiver.received().len(), deliveries(&admin, &path).await.len()), (1, 1));
}

#[tokio::test]
async fn what_happens_while_nothing_is_delivered_for_a_day_is_delivered_after_it() {
    let receiver = Receiver::start().await;
    let (system, _, _, _) = told(&receiver, &["user.registered"]).await;
    system.order_stream("webhook-delivery", json!({ "paused": true })).await;
    for hour in 0..24 {
        system.register(&format!("ada{hour}@example.com")).await;
        pass(&system, HOUR).await;
        system.clean_up().await;
    }
    assert_eq!(receiver.received().len(), 0);
    system.order_stream("webhook-delivery", json!({ "paused": false })).await;
    receiver.got(24).await;
    system.drain().await;
    let ids: std::collections::HashSet<_> =
        receiver.received().iter().map(|it| it.header("webhook-id").to_owned()).collect();
    assert_eq!(
        (ids.len(), receiver.received().len()),
        (24, 24),
        "each once, however many messages lead to it"
    );
}

#[tokio::test]
async fn what_is_pending_for_a_webhook_that_is_gone_is_sent_to_nobody() {
    let receiver = Receiver::start().await.answering(&[500]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    test(&admin, &path).await;
    system.drain().await;
    admin.delete(&path).await.expect(200);
    for seconds in [7, 400, DAY] {
        pass(&system, seconds).await;
    }
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(system.items("delivery").await[0]["state"]["name"], "failed");
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
async fn an_event_that_comes_again_reaches_whom_it_did_not_reach_and_nobody_twice() {
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let (system, admin, _, _) = told(&first, &["user.registered"]).await;
    let (paused, _) = make(&admin, &second, &["user.registered"]).await;
    admin.send(Method::PATCH, &paused, Some(json!({ "enabled": false }))).await.expect(200);
    system.register("ada@example.com").await;
    system.drain().await;
    admin.send(Method::PATCH, &paused, Some(json!({ "enabled": true }))).await.expect(200);
    let event = system.events("user.registered").await.remove(0);
    system.delete_item(&event).await;
    system.put_item(&event).await;
    second.got(1).await;
    system.drain().await;
    assert_eq!([first.received().len(), second.received().len()], [1, 1]);
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
