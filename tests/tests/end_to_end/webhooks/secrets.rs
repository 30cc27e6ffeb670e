//! Messages are signed with the webhook's secret, and for a day with those that it replaced.

use serde_json::json;
use tests::Receiver;

use super::{DAY, HOUR, pass, test, told};

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
