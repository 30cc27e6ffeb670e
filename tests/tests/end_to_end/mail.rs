//! Mails: no request waits for one, none is lost and none comes twice.

use std::path::PathBuf;

use serde_json::{Value, json};
use tests::{System, registration};

const EMAIL: &str = "ada@example.com";

/// A directory that is gone when the test is over.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn assert_no_dead_letters(system: &System) {
    assert_eq!(system.anybody().get("/_local/dead-letters").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_registration_is_answered_while_mail_is_down_and_the_mail_comes_once_it_is_up() {
    let system = System::start().await;
    // Two deliveries with three attempts each fail.
    system.order_fault(json!({ "service": "ses", "kind": "error", "count": 6 })).await;
    system.register(EMAIL).await;
    assert_eq!(system.mails(EMAIL).await.len(), 1);
    assert_eq!(system.cancel_faults().await, json!([]), "it was down");
    assert_no_dead_letters(&system).await;
}

#[tokio::test]
async fn mails_behind_one_that_fails_are_neither_lost_nor_doubled() {
    let system = System::start().await;
    system.order_fault(json!({ "service": "ses", "kind": "throttle", "count": 9, "skip": 2 })).await;
    let addresses = ["a", "b", "c", "d", "e"].map(|name| format!("{name}@example.com"));
    for address in &addresses {
        system.register(address).await;
    }
    for address in &addresses {
        assert_eq!(system.mails(address).await.len(), 1, "{address}");
    }
}

/// Registers people while writes about their mails fail in this way, so that the stream brings events again.
async fn assert_one_mail_each(kind: &str) {
    let system = System::start().await;
    system.drain().await;
    // After the registration come the audit record, the claim and the mark of the mail.
    let writes = [("TransactWriteItems", 1), ("PutItem", 0), ("UpdateItem", 0)];
    for (number, (operation, skip)) in writes.into_iter().enumerate() {
        let fault = json!({
            "service": "dynamodb", "operation": operation, "kind": kind, "skip": skip, "count": 3,
        });
        system.order_fault(fault).await;
        let address = format!("ada{number}@example.com");
        if system.anybody().post("/api/v1/auth/register", registration(&address)).await.status == 503 {
            // A write of another event came first, and the fault struck the registration, which wrote nothing.
            system.cancel_faults().await;
            system.register(&address).await;
        }
        assert_eq!(system.mails(&address).await.len(), 1, "{address}");
        system.cancel_faults().await;
    }
    assert_eq!(system.items("audit").await.len(), system.items("event").await.len());
    assert_no_dead_letters(&system).await;
}

#[tokio::test]
async fn a_mail_whose_writes_fail_comes_once() {
    assert_one_mail_each("error").await;
}

#[tokio::test]
async fn a_mail_whose_writes_lose_their_answers_comes_once() {
    assert_one_mail_each("error_after_commit").await;
}

/// What the consumers of events wrote: the audit trail and the counters.
async fn told(system: &System) -> Vec<Value> {
    let of_events = |item: &Value| {
        ["AUDIT#", "COUNT#"].iter().any(|prefix| item["PK"].as_str().unwrap().starts_with(prefix))
    };
    let told: Vec<_> = system.table().await.into_iter().filter(of_events).collect();
    assert!(told.len() >= 4, "{told:?}");
    told
}

#[tokio::test]
async fn a_stream_that_is_read_again_from_its_beginning_sends_nothing_again() {
    let directory = Scratch::new("read-again");
    let system = System::start_in(&directory.0).await;
    system.register(EMAIL).await;
    assert_eq!(system.mails(EMAIL).await.len(), 1);
    let before = told(&system).await;
    system.stop().await;
    // Without their positions the consumers begin anew.
    for consumer in ["stream-audit.json", "stream-fanout.json"] {
        std::fs::remove_file(directory.0.join(consumer)).unwrap();
    }
    let system = System::start_in(&directory.0).await;
    assert_eq!(system.mails(EMAIL).await.len(), 1);
    assert_eq!(told(&system).await, before);
    assert_no_dead_letters(&system).await;
    system.stop().await;
}

#[tokio::test]
async fn what_was_told_before_a_stop_is_mailed_after_it() {
    let directory = Scratch::new("stopped");
    let system = System::start_in(&directory.0).await;
    system.order_stream("stream-fanout", json!({ "paused": true })).await;
    system.settle().await;
    system.register(EMAIL).await;
    system.stop().await;
    let system = System::start_in(&directory.0).await;
    assert_eq!(system.mails(EMAIL).await.len(), 1);
    system.stop().await;
}
