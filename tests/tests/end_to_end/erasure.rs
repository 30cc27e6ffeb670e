//! What is left of a person who was erased, wherever something of theirs was kept: nothing that anybody can read.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, PUTS, Receiver, System, as_stored};

use super::gdpr::{EMAIL, EXPORT, FIRST_NAME, LAST_NAME, erase, marked, those_that_tell, traces};

const INDEXES: [&str; 9] = ["GSI1", "GSI2", "GSI3", "GSI4", "GSI5", "GSI6", "GSI7", "GSI8", "GSI9"];

/// The items of the indexes in which something of the marked person can be read.
async fn traces_in_indexes(system: &System, address: &str) -> Vec<String> {
    let (table, mut items) = (system.raw_table().await, Vec::new());
    for index in INDEXES {
        items.extend(table.index(index).await);
    }
    those_that_tell(&items, address)
}

#[tokio::test]
async fn nothing_is_left_in_indexes_queues_deliveries_rows_that_failed_and_kept_answers() {
    let receiver = Receiver::start().await.answering(&[500]);
    let system = System::start().await;
    let admin = system.admin().await;
    let webhook = json!({ "url": receiver.url, "events": ["user.*"] });
    admin.post("/api/v1/webhooks", webhook).await.expect(201);
    let person = marked(&system).await.0;
    let row = json!({ "email": EMAIL, "first_name": FIRST_NAME, "last_name": LAST_NAME, "phone": "none" });
    let rows = format!("{row}\n{}", "nonsense\n".repeat(1_000));
    admin.post_file("/api/v1/bulk/users/create", "application/x-ndjson", rows).await.expect(202);
    let export = person.request(Method::POST, EXPORT).header("idempotency-key", "1");
    assert!(Answer::of(export).await.expect(200).to_string().contains(EMAIL));
    for entity in ["delivery", "bulk_errors", "keyed_request"] {
        assert_ne!(system.items(entity).await, [Value::Null; 0], "{entity}");
    }
    assert_ne!(system.anybody().get("/_local/queues").await.expect(200), json!([]));
    assert_ne!(traces_in_indexes(&system, &person.address).await, [""; 0]);
    erase(&person).await.expect(200);
    assert_eq!(traces(&system, &person.address).await, [""; 0]);
    assert_eq!(traces_in_indexes(&system, &person.address).await, [""; 0]);
}

#[tokio::test]
async fn however_many_sessions_somebody_has_they_are_erased_with_them_all() {
    const MORE: usize = 1_200;
    let system = System::start().await;
    let person = system.verified(EMAIL).await.0;
    let session = system.items("session").await.remove(0);
    let copy = |number: usize| {
        let mut copy = session.clone();
        copy["SK"] = json!(format!("SESSION#00000000-0000-4000-8000-{number:012}"));
        as_stored(&copy)
    };
    let (table, copies) = (system.raw_table().await, (0..MORE).map(copy).collect::<Vec<_>>());
    for copies in copies.chunks(PUTS) {
        table.put(copies).await;
    }
    let export = person.post(EXPORT, json!({})).await.expect(200);
    let sessions = export["personal_data"]["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), &export["metadata"]["complete"]), (1_000, &json!(false)));
    let erased = erase(&person).await.expect(200);
    // The user, their credential, and the session that was no copy.
    assert_eq!(erased["records_deleted"], 3 + MORE);
    assert_eq!(system.items("session").await, [Value::Null; 0]);
}
