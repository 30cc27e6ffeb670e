//! An administrator has deliveries tried again.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::Receiver;

use super::{deliveries, pass, test, told};

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
async fn what_is_being_attempted_is_not_replayed() {
    let receiver = Receiver::start().await.holding();
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    let (replay, body) = (format!("{path}/replay"), json!({ "delivery_id": test(&admin, &path).await }));
    receiver.got(1).await;
    assert_eq!(admin.post(&replay, body).await.refused(409), "DELIVERY_IN_FLIGHT");
    let span = admin.post(&replay, json!({ "since": "2020-01-01" })).await.expect(202);
    assert_eq!(span["replayed"], json!([]));
    receiver.release();
    system.drain().await;
}

#[tokio::test]
async fn a_replay_that_is_asked_for_again_and_again_is_made_once() {
    let receiver = Receiver::start().await.answering(&[500, 500]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    let body = json!({ "delivery_id": test(&admin, &path).await });
    // After the second attempt it waits for minutes.
    pass(&system, 7).await;
    system.order_stream("webhook-delivery", json!({ "paused": true })).await;
    for _ in 0..3 {
        admin.post(&format!("{path}/replay"), body.clone()).await.expect(202);
    }
    system.order_stream("webhook-delivery", json!({ "paused": false })).await;
    system.drain().await;
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test]
async fn a_replay_that_the_queue_did_not_take_is_made_when_it_is_asked_for_again() {
    let receiver = Receiver::start().await.answering(&[500; 24]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    for _ in 0..12 {
        test(&admin, &path).await;
    }
    // After the second attempt they wait for minutes.
    pass(&system, 7).await;
    assert_eq!(receiver.received().len(), 24);
    let (replay, span) = (format!("{path}/replay"), json!({ "since": "2020-01-01" }));
    let fault =
        json!({ "service": "sqs", "operation": "SendMessageBatch", "kind": "error", "skip": 1, "count": 9 });
    system.order_fault(fault).await;
    assert_eq!(admin.post(&replay, span.clone()).await.status, 503);
    system.cancel_faults().await;
    system.drain().await;
    assert_eq!(receiver.received().len(), 24 + 10, "the messages of the first ten were taken");
    let again = admin.post(&replay, span).await.expect(202);
    assert_eq!(again["replayed"].as_array().unwrap().len(), 2);
    system.drain().await;
    assert!(deliveries(&admin, &path).await.iter().all(|it| it["status"] == "delivered"));
}

#[tokio::test]
async fn a_span_of_more_deliveries_than_one_write_takes_is_replayed_page_by_page() {
    let receiver = Receiver::start().await.answering(&[500; 210]);
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    for _ in 0..105 {
        test(&admin, &path).await;
    }
    // After the second attempt they wait for minutes.
    pass(&system, 7).await;
    let replay = format!("{path}/replay");
    let (mut since, mut replayed) = (json!("2020-01-01"), BTreeSet::new());
    while !since.is_null() {
        let page = admin.post(&replay, json!({ "since": since })).await.expect(202);
        replayed.extend(page["replayed"].as_array().unwrap().iter().map(ToString::to_string));
        since = page["next_since"].clone();
    }
    assert_eq!(replayed.len(), 105);
    system.drain().await;
    assert!(deliveries(&admin, &path).await.iter().all(|it| it["status"] == "delivered"));
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
    assert_eq!(system.events("admin.webhook_replayed").await.len(), 1);
    system.drain().await;
    assert_eq!(receiver.received().len(), 7);
    assert!(deliveries(&admin, &path).await.iter().all(|it| it["status"] == "delivered"));
}
