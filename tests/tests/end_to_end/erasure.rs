//! What is left of a person who was erased, wherever something of theirs was kept: nothing that anybody can read.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADMIN, Answer, HIDDEN, NEW_PASSWORD, PASSWORD, PUTS, Receiver, System, as_stored};

use super::bulk::{CREATE, password_hash, with};
use super::gdpr::{EMAIL, EXPORT, FIRST_NAME, LAST_NAME, erase, marked, those_that_tell, traces};
use super::streams::{damage_the_audit_trail, order};

const INDEXES: [&str; 9] = ["GSI1", "GSI2", "GSI3", "GSI4", "GSI5", "GSI6", "GSI7", "GSI8", "GSI9"];

/// The items of the indexes in which something of the marked person can be read.
async fn traces_in_indexes(system: &System, address: &str) -> Vec<String> {
    let (table, mut items) = (system.raw_table().await, Vec::new());
    for index in INDEXES {
        items.extend(table.index(index).await);
    }
    those_that_tell(&items, address)
}

/// A row that names the marked person, and as many others as make an operation; none becomes an account.
fn rows_that_fail() -> String {
    let row = json!({ "email": EMAIL, "first_name": FIRST_NAME, "last_name": LAST_NAME, "phone": "none" });
    format!("{row}\n{}", "nonsense\n".repeat(1_000))
}

/// Makes an account unreadable by this address; what it was.
pub(super) async fn damage_the_account(system: &System, email: &str) -> Value {
    let users = system.items("user").await;
    let sound = users.into_iter().find(|user| user["email"] == email).unwrap();
    let mut damaged = sound.clone();
    damaged["role"] = json!(7);
    system.put_item(&damaged).await;
    sound
}

/// Runs a clean-up that fails; the addresses of the accounts that are left, in order.
async fn left_by_a_failing_clean_up(system: &System) -> Vec<String> {
    assert_eq!(system.anybody().post("/_local/run/scheduled-cleanup", json!({})).await.status, 502);
    let users = system.items("user").await;
    let emails = users.iter().map(|user| user["email"].as_str().unwrap().to_owned());
    let mut left: Vec<String> = emails.filter(|email| email != ADMIN).collect();
    left.sort();
    left
}

#[tokio::test]
async fn nothing_is_left_in_indexes_queues_deliveries_rows_that_failed_and_kept_answers() {
    let receiver = Receiver::start().await.answering(&[500; 20]);
    let system = System::start().await;
    let admin = system.admin().await;
    let webhook = json!({ "url": receiver.url, "events": ["user.*"] });
    admin.post("/api/v1/webhooks", webhook).await.expect(201);
    let person = marked(&system).await.0;
    admin.post_file(CREATE, "application/x-ndjson", rows_that_fail()).await.expect(202);
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

#[tokio::test]
async fn what_was_given_up_tells_nothing_of_who_was_erased() {
    let system = System::start().await;
    let person = marked(&system).await.0;
    system.drain().await;
    damage_the_audit_trail(&system).await;
    let change = json!({ "first_name": format!("{FIRST_NAME}b") });
    person.put("/api/v1/profile/me", change).await.expect(200);
    system.drain().await;
    assert_ne!(system.dead_letters().await, [Value::Null; 0]);
    erase(&person).await.expect(200);
    assert_eq!(traces(&system, &person.address).await, [""; 0]);
    assert_ne!(system.dead_letters().await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_mail_that_waits_or_was_given_up_tells_nothing_of_who_was_erased() {
    let system = System::start().await;
    let person = marked(&system).await.0;
    let mails = system.mails(EMAIL).await.len();
    system.order_fault(json!({ "service": "ses", "kind": "error", "count": 1_000 })).await;
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    person.post("/api/v1/auth/change-password", change).await.expect(200);
    for _ in 0..20 {
        system.drain().await;
        system.advance(HIDDEN).await;
    }
    system.drain().await;
    assert_eq!(system.dead_letters().await.len(), 1);
    system.anybody().post("/api/v1/auth/password-reset", json!({ "email": EMAIL })).await.expect(200);
    system.drain().await;
    assert_eq!(system.queued().await.len(), 1);
    let again = system.anybody().signed_in(EMAIL, NEW_PASSWORD).await;
    erase(&again).await.expect(200);
    assert_eq!(traces(&system, &person.address).await, [""; 0]);
    assert_eq!((system.queued().await.len(), system.dead_letters().await.len()), (1, 1));
    system.cancel_faults().await;
    system.move_back("usher-local-mail-dead-letters").await;
    system.advance(HIDDEN).await;
    assert_eq!(system.mails(EMAIL).await.len(), mails, "no mail to whom we forgot");
    assert_eq!((system.queued().await.len(), system.dead_letters().await.len()), (0, 0));
}

#[tokio::test]
async fn a_sweep_that_fails_keeps_nobody_from_hearing_of_the_erasure() {
    let receiver = Receiver::start().await;
    let system = System::start_without_retries(&[]).await;
    let webhook = json!({ "url": receiver.url, "events": ["user.deleted"] });
    system.admin().await.post("/api/v1/webhooks", webhook).await.expect(201);
    let person = marked(&system).await.0;
    system.drain().await;
    // What it asks for first is the endpoints, and then what is left of the person.
    let fault =
        json!({ "function": "stream-fanout", "operation": "Query", "kind": "error", "skip": 1, "count": 11 });
    system.order_fault(fault).await;
    erase(&person).await.expect(200);
    system.drain().await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn what_is_heard_of_a_person_after_their_erasure_brings_nothing_back() {
    let receiver = Receiver::start().await;
    let system = System::start().await;
    let admin = system.admin().await;
    let webhook = json!({ "url": receiver.url, "events": ["*"] });
    admin.post("/api/v1/webhooks", webhook).await.expect(201);
    let mut person = marked(&system).await.0;
    let mails = system.mails(EMAIL).await.len();
    order(&system, json!({ "paused": true })).await;
    let change = json!({ "first_name": format!("{FIRST_NAME}b") });
    person.put("/api/v1/profile/me", change).await.expect(200);
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let changed = person.post("/api/v1/auth/change-password", change).await.expect(200);
    person.take_tokens(&changed);
    person.post(EXPORT, json!({})).await.expect(200);
    admin.post_file(CREATE, "application/x-ndjson", rows_that_fail()).await.expect(202);
    erase(&person).await.expect(200);
    order(&system, json!({ "paused": false })).await;
    assert_eq!(traces(&system, &person.address).await, [""; 0]);
    assert_eq!(system.events("bulk.completed").await.len(), 1, "everything was heard");
    assert_eq!(system.mails(EMAIL).await.len(), mails, "no mail to whom we forgot");
}

#[tokio::test]
async fn an_account_that_cannot_be_erased_holds_up_no_other() {
    const ROWS: usize = 120;
    let system = System::start_with(&[("DELETED_ACCOUNT_RETENTION_DAYS", "1")]).await;
    let (admin, hash) = (system.admin().await, password_hash(&system).await);
    let email = |it: usize| format!("user{it}@example.com");
    let rows: Vec<_> = (0..ROWS).map(|it| with(&email(it), "password_hash", hash.clone())).collect();
    admin.post(CREATE, json!({ "items": rows })).await.expect(200);
    let users = system.items("user").await;
    for it in 0..ROWS {
        let user = users.iter().find(|user| user["email"] == email(it)).unwrap();
        admin.delete(&format!("/api/v1/admin/users/{}", user["id"].as_str().unwrap())).await.expect(200);
    }
    let sound = damage_the_account(&system, &email(0)).await;
    system.advance(25 * 3_600).await;
    assert_eq!(left_by_a_failing_clean_up(&system).await, [email(0)], "more than a page are erased");
    system.put_item(&sound).await;
    assert_eq!(system.clean_up().await["deleted"], json!({ "looked_at": 1, "done": 1, "left": false }));
}

#[tokio::test]
async fn an_account_that_nobody_verified_and_that_cannot_be_erased_is_tried_again_and_no_other() {
    let system = System::start().await;
    for name in ["ada", "bob", "cyd"] {
        system.register(&format!("{name}@example.com")).await;
    }
    system.verified("dan@example.com").await;
    let sound = damage_the_account(&system, "ada@example.com").await;
    system.advance(31 * 86_400).await;
    assert_eq!(left_by_a_failing_clean_up(&system).await, ["ada@example.com", "dan@example.com"]);
    system.register("eve@example.com").await;
    system.advance(31 * 86_400).await;
    assert_eq!(left_by_a_failing_clean_up(&system).await, ["ada@example.com", "dan@example.com"]);
    system.put_item(&sound).await;
    assert_eq!(system.clean_up().await["unverified"], json!({ "looked_at": 1, "done": 1, "left": false }));
    assert_eq!(system.clean_up().await["unverified"]["looked_at"], 0);
}

#[tokio::test]
async fn an_erasure_that_the_table_would_always_refuse_is_a_failure() {
    let system = System::start().await;
    system.register("ada@example.com").await;
    let mut credential = system.credential("ada@example.com").await;
    credential["user_id"] = json!("00000000-0000-4000-8000-000000000000");
    system.put_item(&credential).await;
    system.advance(31 * 86_400).await;
    for _ in 0..2 {
        assert_eq!(left_by_a_failing_clean_up(&system).await, ["ada@example.com"]);
    }
}
