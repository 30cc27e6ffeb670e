//! An administrator has deliveries tried again.

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
