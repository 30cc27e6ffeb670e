//! Mails: no request waits for one, none is lost and none comes twice.

use std::path::PathBuf;

use serde_json::{Value, json};
use tests::{HIDDEN, Receiver, System, registration};

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
    // Two messages with three attempts each fail.
    system.order_fault(json!({ "service": "ses", "kind": "error", "count": 6 })).await;
    system.register(EMAIL).await;
    for _ in 0..2 {
        assert_eq!(system.mails(EMAIL).await.len(), 0, "it is down");
        system.advance(HIDDEN).await;
    }
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
    system.drain().await;
    assert_eq!(system.anybody().get("/_local/mail").await.expect(200).as_array().unwrap().len(), 2);
    system.advance(HIDDEN).await;
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
        system.drain().await;
        system.advance(HIDDEN).await;
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
    for function in ["stream-fanout", "mail-delivery"] {
        let directory = Scratch::new(&format!("stopped-{function}"));
        let system = System::start_in(&directory.0).await;
        system.order_stream(function, json!({ "paused": true })).await;
        system.settle().await;
        system.register(EMAIL).await;
        system.settle().await;
        system.stop().await;
        let system = System::start_in(&directory.0).await;
        assert_eq!(system.mails(EMAIL).await.len(), 1, "{function}");
        system.stop().await;
    }
}

#[tokio::test]
async fn while_ses_takes_no_mails_webhooks_arrive_and_the_stream_waits_for_nothing() {
    let receiver = Receiver::start().await;
    let system = System::start().await;
    let webhook = json!({ "url": receiver.url, "events": ["user.registered"] });
    system.admin().await.post("/api/v1/webhooks", webhook).await.expect(201);
    system.order_fault(json!({ "service": "ses", "kind": "throttle", "count": 1_000 })).await;
    let addresses: Vec<_> = (0..12).map(|number| format!("ada{number}@example.com")).collect();
    for address in &addresses {
        system.register(address).await;
    }
    system.drain().await;
    assert_eq!(receiver.received().len(), addresses.len());
    let cloud = system.anybody().get("/_local").await.expect(200);
    let failed = |function: &str| {
        let consumers = cloud["streams"].as_array().unwrap();
        consumers.iter().find(|it| it["function"] == function).unwrap()["failed_tries"].clone()
    };
    assert_eq!([failed("stream-fanout"), failed("mail-delivery")], [json!(0), json!(addresses.len())]);
    system.cancel_faults().await;
    system.advance(HIDDEN).await;
    for address in &addresses {
        assert_eq!(system.mails(address).await.len(), 1, "{address}");
    }
}

#[tokio::test]
async fn a_mail_that_ses_does_not_take_keeps_no_other_waiting() {
    let system = System::start().await;
    system.order_fault(json!({ "service": "ses", "kind": "error", "count": 3 })).await;
    system.register(EMAIL).await;
    system.drain().await;
    system.register("bob@example.com").await;
    assert_eq!([system.mails(EMAIL).await.len(), system.mails("bob@example.com").await.len()], [0, 1]);
    system.advance(HIDDEN).await;
    assert_eq!([system.mails(EMAIL).await.len(), system.mails("bob@example.com").await.len()], [1, 1]);
}

#[tokio::test]
async fn a_mail_that_is_asked_for_several_times_at_once_is_sent_once() {
    let system = System::start().await;
    system.order_stream("mail-delivery", json!({ "paused": true })).await;
    system.order_stream("stream-fanout", json!({ "deliveries": 8 })).await;
    system.register(EMAIL).await;
    system.drain().await;
    // They are two batches, which are in work side by side.
    assert_eq!(system.queued().await.len(), 8);
    system.order_stream("mail-delivery", json!({ "paused": false })).await;
    assert_eq!(system.mails(EMAIL).await.len(), 1);
    system.advance(HIDDEN).await;
    assert_eq!((system.mails(EMAIL).await.len(), system.queued().await.len()), (1, 0));
}

#[tokio::test]
async fn mails_that_were_given_up_are_sent_once_when_they_are_moved_back() {
    let system = System::start().await;
    system.order_fault(json!({ "service": "ses", "kind": "error", "count": 1_000 })).await;
    system.register(EMAIL).await;
    // For an hour, it comes again.
    for _ in 0..20 {
        system.drain().await;
        assert_no_dead_letters(&system).await;
        system.advance(HIDDEN).await;
    }
    system.drain().await;
    let letters = system.dead_letters().await;
    let event = &system.events("user.registered").await[0];
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["body"], json!({ "event": event["id"], "type": "user.registered" }));
    system.cancel_faults().await;
    system.move_back("usher-local-mail-dead-letters").await;
    assert_eq!(system.mails(EMAIL).await.len(), 1);
    assert_no_dead_letters(&system).await;
    // The event comes again, too.
    let always = json!({ "span": { "from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" } });
    assert_ne!(system.replay(always).await.expect(200)["brought_again"], 0);
    assert_eq!(system.mails(EMAIL).await.len(), 1);
}

#[tokio::test]
async fn what_ses_refuses_because_of_the_account_is_sent_once_that_is_mended_and_someone_asks_for_it() {
    let system = System::start().await;
    system.order_fault(json!({ "service": "ses", "kind": "refuse", "count": 2 })).await;
    let addresses = [EMAIL, "bob@example.com", "cyd@example.com"];
    for address in addresses {
        system.register(address).await;
        system.drain().await;
    }
    let mut sent = Vec::new();
    for address in addresses {
        sent.push(system.mails(address).await.len());
    }
    assert_eq!(
        (sent, system.queued().await.len()),
        (vec![0, 0, 1], 0),
        "it holds up nothing, and waits nowhere"
    );
    assert_no_dead_letters(&system).await;
    let always = json!({ "span": { "from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" } });
    for _ in 0..2 {
        system.replay(always.clone()).await.expect(200);
        for address in addresses {
            assert_eq!(system.mails(address).await.len(), 1, "{address}");
        }
    }
}

#[tokio::test]
async fn a_message_that_comes_later_than_the_outbox_keeps_its_event_is_done() {
    let system = System::start().await;
    system.order_stream("mail-delivery", json!({ "paused": true })).await;
    system.register(EMAIL).await;
    system.drain().await;
    system.advance(7 * 86_400).await;
    assert_eq!(system.queued().await.len(), 1);
    system.order_stream("mail-delivery", json!({ "paused": false })).await;
    assert_eq!((system.mails(EMAIL).await.len(), system.queued().await.len()), (0, 0));
}
