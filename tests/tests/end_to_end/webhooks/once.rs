//! However often the stream and the queue bring something, and however late, it is delivered once.

use reqwest::Method;
use serde_json::json;
use tests::Receiver;

use super::{HOUR, deliveries, make, pass, told};

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
