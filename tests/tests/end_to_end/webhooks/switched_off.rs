//! A webhook whose server is gone or takes nothing is switched off; for one that is not enabled nothing is sent.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADMIN, Receiver, System};

use super::{DAY, HOUR, WEBHOOKS, deliveries, fail_beside_another, make, pass, test, told};
use crate::erasure::damage_the_account;

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
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    fail_beside_another(&receiver, &admin, &path).await;
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
    // What there was to tell is given up on the fourth day: with the longest waits, and each of them up to two hours more,
    // after a hundred hours.
    assert_eq!((&hours(0..102).await["enabled"], receiver.received().len()), (&json!(true), 10));
    assert_eq!(hours(102..118).await["enabled"], true);
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
async fn whoever_made_a_webhook_and_may_not_sign_in_any_more_gets_no_mail() {
    let receiver = Receiver::start().await;
    let system = System::start().await;
    let (admin, maker) = (system.admin().await, system.with_role("maker@example.com", "super_admin").await);
    make(&maker, &receiver, &["bulk.*"]).await;
    admin.put(&maker.admin_path().await, json!({ "is_active": false })).await.expect(200);
    let mails = system.mails("maker@example.com").await.len();
    let mut webhook = system.items("endpoint").await.remove(0);
    webhook["failing_since"] = json!("2001-01-01T00:00:00Z");
    system.put_item(&webhook).await;
    assert_eq!(system.clean_up().await["endpoints"]["done"], 1);
    assert_eq!(system.mails("maker@example.com").await.len(), mails);
    assert_eq!(system.events("webhook.disabled").await.len(), 1);
}

#[tokio::test]
async fn a_webhook_that_cannot_be_switched_off_keeps_no_other_on() {
    let receiver = Receiver::start().await;
    let (system, admin, ..) = told(&receiver, &["bulk.*"]).await;
    make(&admin, &receiver, &["bulk.*"]).await;
    system.register("ada@example.com").await;
    let ada = damage_the_account(&system, "ada@example.com").await;
    let mut webhooks = system.items("endpoint").await;
    webhooks.sort_by_key(|webhook| webhook["SK"].to_string());
    for webhook in &mut webhooks {
        webhook["failing_since"] = json!("2001-01-01T00:00:00Z");
    }
    // The last is looked at first.
    webhooks[1]["created_by"] = ada["id"].clone();
    for webhook in &webhooks {
        system.put_item(webhook).await;
    }
    assert_eq!(system.anybody().post("/_local/run/scheduled-cleanup", json!({})).await.status, 502);
    let list = admin.get(WEBHOOKS).await.expect(200);
    let is_enabled = |webhook: &Value| {
        list["items"].as_array().unwrap().iter().find(|it| it["id"] == webhook["id"]).unwrap()["enabled"]
            .clone()
    };
    assert_eq!([is_enabled(&webhooks[0]), is_enabled(&webhooks[1])], [json!(false), json!(true)]);
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
