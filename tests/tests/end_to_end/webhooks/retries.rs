//! What a server does not take is tried again, by the schedule or when the server asks for it, and holds up nobody else.

use reqwest::Method;
use serde_json::{Value, json};
use tests::Receiver;

use super::{WEBHOOKS, deliveries, fail_beside_another, pass, test, told};

#[tokio::test]
async fn what_fails_is_tried_again_with_the_same_id_and_body() {
    let receiver = Receiver::start().await;
    receiver.answer(503, &[("retry-after", "60")]);
    receiver.answer(404, &[]);
    let (system, admin, path, secret) = told(&receiver, &["bulk.*"]).await;
    let id = test(&admin, &path).await;
    system.drain().await;
    assert_eq!(receiver.received().len(), 1);
    pass(&system, 59).await;
    assert_eq!(receiver.received().len(), 1, "not before a minute, as it asked for");
    pass(&system, 62).await;
    assert_eq!(receiver.received().len(), 2, "within the minute after it");
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
async fn a_wish_for_rest_is_heard_though_another_attempt_failed_first() {
    let receiver = Receiver::start().await.holding();
    receiver.answer(503, &[("retry-after", "600")]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    fail_beside_another(&receiver, &admin, &path).await;
    receiver.release();
    pass(&system, 7).await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn a_success_is_known_of_though_the_webhook_is_changed_during_the_attempt() {
    let receiver = Receiver::start().await.answering(&[500]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    test(&admin, &path).await;
    system.drain().await;
    let receiver = receiver.holding();
    system.advance(7).await;
    receiver.got(2).await;
    let change = json!({ "description": "The list" });
    admin.send(Method::PATCH, &path, Some(change)).await.expect(200);
    admin.post(&format!("{path}/rotate-secret"), json!({})).await.expect(200);
    receiver.release();
    system.drain().await;
    assert_eq!(admin.get(&path).await.expect(200)["failing_since"], Value::Null);
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
async fn a_claim_whose_answer_is_lost_is_ours_all_the_same() {
    let receiver = Receiver::start().await;
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    let fault = json!({
        "function": "webhook-delivery", "operation": "UpdateItem", "kind": "error_after_commit", "count": 1,
    });
    system.order_fault(fault).await;
    test(&admin, &path).await;
    // Otherwise it would be hidden for minutes.
    system.drain().await;
    assert_eq!((system.cancel_faults().await, receiver.received().len()), (json!([]), 1));
}
