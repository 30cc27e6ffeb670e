//! Reads: whatever call fails, they say so, and change nothing but that the reading is told, where it is.
//!
//! Those of the system's health are not among them: what fails is what they tell of.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{System, operations};

use super::bulk::many_rows;
use super::{Again, KINDS, MOMENTS, Request, Stage, Trial};

/// What the paths of the document are about: for each parameter, something that is there.
async fn things(stage: &Stage) -> Vec<(&'static str, String)> {
    let role = json!({ "name": "developer", "permissions": ["user:read"] });
    stage.admin.post("/api/v1/admin/roles", role).await.expect(201);
    let webhook = json!({ "url": stage.receiver.url, "events": ["bulk.*"] });
    let webhook = stage.admin.post("/api/v1/webhooks", webhook).await.expect(201);
    let path = format!("/api/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    stage.admin.post(&format!("{path}/test"), json!({})).await.expect(202);
    let operation = stage.admin.post("/api/v1/bulk/users/create", many_rows(&[])).await.expect(202);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    vec![
        ("{name}", "developer".to_owned()),
        ("{user_id}", stage.account("ada@example.com").await),
        ("{webhook_id}", text(&webhook["id"])),
        ("{operation_id}", text(&operation["operation_id"])),
    ]
}

/// Strikes the reads whose path has this in it, and no other's; each in a system of its own, since the table of one that
/// tells of reading grows.
async fn strike_reads(is_meant: fn(&str) -> bool) {
    let reads = operations().into_iter().filter(|it| it.method == Method::GET && is_meant(&it.path));
    for read in reads {
        let stage = Stage::of(System::start_without_retries(&[]).await).await;
        let things = if read.template.contains('{') { things(&stage).await } else { Vec::new() };
        let path = things.iter().fold(read.template, |path, (name, thing)| path.replace(name, thing));
        // Where days are read, this one does: each is read like any other.
        let today = stage.system.items("audit").await[0]["at"].as_str().unwrap()[..10].to_owned();
        let request = Request::without_body(&stage.admin, format!("{path}?start_date={today}"));
        let trial = Trial { what: &path, method: Method::GET, request };
        stage.rehearse(&trial).await;
        let (change, calls) = stage.rehearse(&trial).await;
        for fault in (0..calls).flat_map(|call| MOMENTS.map(|kind| (kind, call))) {
            stage.strike(&trial, fault, (&change, Again::More)).await;
        }
    }
}

#[tokio::test]
async fn reading_the_audit_trail_survives_every_fault() {
    strike_reads(|path| path.contains("audit")).await;
}

#[tokio::test]
async fn all_other_reading_survives_every_fault() {
    strike_reads(|path| !path.contains("audit") && !path.contains("health")).await;
}

#[tokio::test]
async fn whoever_asks_hears_that_the_table_does_not_answer() {
    let stage = Stage::of(System::start_without_retries(&[]).await).await;
    for (kind, path) in KINDS.iter().flat_map(|kind| ["ready", "db"].map(|path| (kind, path))) {
        stage.system.order_fault(json!({ "function": "api", "kind": kind })).await;
        let path = format!("/api/v1/health/{path}");
        let (during, after) = (stage.admin.get(&path).await, stage.admin.get(&path).await);
        assert_eq!((during.status, after.status), (503, 200), "{path}: {kind}");
    }
}
