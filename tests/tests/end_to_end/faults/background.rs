//! Functions that run without a request: what they do comes to the same end, whatever call of theirs fails.
//!
//! A stream or a queue brings again what failed; the clean-up runs again in an hour.

use std::collections::BTreeSet;

use serde_json::json;
use tests::{HIDDEN, System};

use super::bulk::many_rows;
use super::invariants::{assert_nothing_waits, assert_whole};
use super::{MANY, MOMENTS, Stage};

const DAY: i64 = 86_400;
const WEBHOOKS: &str = "/api/v1/webhooks";

/// A function that runs without a request, and what makes it run.
struct Function {
    name: &'static str,
    /// How long it may take until what failed comes again, in seconds, beyond what the streams take themselves.
    waits: i64,
    /// What it is started with.
    settings: &'static [(&'static str, &'static str)],
}

impl Function {
    const fn named(name: &'static str) -> Self {
        Self { name, waits: 0, settings: &[] }
    }
}

/// One call of the function fails, before or after it is carried out, each of its calls in turn, while `act` has it run;
/// `check` looks at what became of it.
async fn strike_each(
    function: Function,
    act: impl AsyncFn(&Stage, u32),
    check: impl AsyncFn(&Stage, u32, &str),
) {
    let stage = Stage::of(System::start_without_retries(function.settings).await).await;
    // The first one may have to load what the next ones know.
    act(&stage, 0).await;
    stage.system.drain().await;
    let mut number = 0;
    for call in 0..MANY {
        for kind in MOMENTS {
            number += 1;
            let what = format!("{}: {kind} at call {call}", function.name);
            let fault = json!({ "function": function.name, "kind": kind, "count": 1, "skip": call });
            stage.system.drain().await;
            stage.system.order_fault(fault).await;
            act(&stage, number).await;
            stage.system.drain().await;
            let is_struck = stage.system.cancel_faults().await == json!([]);
            stage.system.advance(function.waits).await;
            assert_whole(&stage.system.table().await, &what);
            check(&stage, number, &what).await;
            assert_nothing_waits(&stage.system.table().await, &what);
            if !is_struck {
                assert_ne!(call, 0, "{what}: nothing is called");
                return;
            }
        }
    }
}

async fn register(stage: &Stage, number: u32) {
    stage.system.register(&format!("ada{number}@example.com")).await;
}

#[tokio::test]
async fn the_audit_trail_survives_every_fault() {
    let function = Function::named("stream-audit");
    strike_each(function, register, async |stage, _, what| {
        let verified = stage.admin.get("/api/v1/audit/verify").await.expect(200);
        assert_eq!(verified["valid"], true, "{what}: {verified}");
    })
    .await;
}

#[tokio::test]
async fn the_queueing_of_mails_and_webhooks_survives_every_fault() {
    let function = Function::named("stream-fanout");
    let act = async |stage: &Stage, number| {
        if number == 0 {
            let webhook = json!({ "url": stage.receiver.url, "events": ["user.registered"] });
            stage.admin.post("/api/v1/webhooks", webhook).await.expect(201);
        }
        register(stage, number).await;
    };
    strike_each(function, act, async |stage, number, what| {
        // A message may be in the queue twice: the mail comes once.
        assert_eq!(stage.system.mails(&format!("ada{number}@example.com")).await.len(), 1, "{what}");
        assert_eq!(stage.receiver.received().len(), number as usize + 1, "{what}");
    })
    .await;
}

/// Has the webhook of the stage, which is made where there is none, told a test event.
async fn test_webhook(stage: &Stage) {
    // The tokens of those who signed in before are too old soon.
    let admin = stage.system.admin().await;
    let list = admin.get(WEBHOOKS).await.expect(200);
    let id = if let Some(webhook) = list["items"].get(0) {
        webhook["id"].clone()
    } else {
        let form = json!({ "url": stage.receiver.url, "events": ["bulk.*"] });
        admin.post(WEBHOOKS, form).await.expect(201)["id"].clone()
    };
    let path = format!("{WEBHOOKS}/{}/test", id.as_str().unwrap());
    admin.post(&path, json!({})).await.expect(202);
}

/// How many deliveries the webhook of the stage has got.
fn delivered(stage: &Stage) -> usize {
    let received = stage.receiver.received();
    received.iter().map(|it| it.header("webhook-id")).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn a_mail_survives_every_fault() {
    let function = Function { waits: HIDDEN, ..Function::named("mail-delivery") };
    strike_each(function, register, async |stage, number, what| {
        let mails = stage.system.mails(&format!("ada{number}@example.com")).await.len();
        // SES may have taken a mail and not said so: then it comes twice.
        assert!(mails == 1 || (mails == 2 && what.contains("after_commit")), "{what}: {mails} mails");
        assert_eq!(stage.system.queued().await.len(), 0, "{what}");
    })
    .await;
}

#[tokio::test]
async fn a_delivery_survives_every_fault() {
    let function = Function { waits: HIDDEN, ..Function::named("webhook-delivery") };
    let act = async |stage: &Stage, _| test_webhook(stage).await;
    strike_each(function, act, async |stage, number, what| {
        assert_eq!(delivered(stage), number as usize + 1, "{what}");
    })
    .await;
}

#[tokio::test]
async fn a_delivery_that_is_tried_again_survives_every_fault() {
    let function = Function { waits: HIDDEN, ..Function::named("webhook-delivery") };
    let act = async |stage: &Stage, _| {
        stage.receiver.answer(500, &[]);
        test_webhook(stage).await;
        stage.system.drain().await;
        stage.system.advance(7).await;
    };
    strike_each(function, act, async |stage, number, what| {
        stage.system.advance(400).await;
        stage.system.drain().await;
        assert_eq!(delivered(stage), number as usize + 1, "{what}");
        let list = stage.system.admin().await.get(WEBHOOKS).await.expect(200);
        assert_eq!(list["items"][0]["failing_since"], json!(null), "{what}: it works again");
    })
    .await;
}

#[tokio::test]
async fn a_bulk_operation_that_is_worked_off_survives_every_fault() {
    let function = Function::named("stream-bulk");
    let act = async |stage: &Stage, number| {
        // Two batches, of 31 rows that are all the same and of another one, and what fails.
        let emails: Vec<_> = (0..32).map(|it| format!("row{number}of{}@example.com", it / 31)).collect();
        stage.admin.post("/api/v1/bulk/users/create", many_rows(&emails)).await.expect(202);
    };
    strike_each(function, act, async |stage, number, what| {
        let table = stage.system.table().await;
        let made = table.iter().filter(|item| {
            let address = item["email"].as_str().unwrap_or_default();
            item["entity"] == "user" && address.starts_with(&format!("row{number}of"))
        });
        assert_eq!(made.count(), 2, "{what}");
        let mut operations = table.iter().filter(|item| item["entity"] == "bulk_operation");
        assert!(operations.all(|operation| operation["state"] != "running"), "{what}");
    })
    .await;
}

#[tokio::test]
async fn the_clean_up_survives_every_fault() {
    let settings = &[("UNVERIFIED_ACCOUNT_DAYS", "1")];
    let function = Function { settings, ..Function::named("scheduled-cleanup") };
    let act = async |stage: &Stage, number| {
        register(stage, number).await;
        stage.system.drain().await;
        stage.system.advance(2 * DAY).await;
        // It answers that it failed, where it did.
        stage.system.anybody().post("/_local/run/scheduled-cleanup", json!({})).await;
    };
    strike_each(function, act, async |stage, _, what| {
        for _ in 0..2 {
            assert_eq!(stage.system.clean_up().await["counters"]["done"], 0, "{what}: nothing has drifted");
        }
        assert_eq!(stage.system.items("user").await.len(), 1, "{what}: only the administrator is left");
    })
    .await;
}
