//! More rows than are done before the answer: an operation that works them off by and by, loses none with the process that
//! took it on, and ends with the right of whoever started it.

use std::path::PathBuf;

use serde_json::{Value, json};
use tests::{ADMIN, System};

use super::bulk::{CREATE, counts, errors, example, password_hash, row, with};

/// More rows than are done before the answer.
const MANY: usize = 1_200;
/// How many accounts they become ([`file`]).
const ACCOUNTS: u64 = 120;

/// So many rows, as JSON lines: an address stands in ten of them, and has a password, so that nobody gets mail.
fn file(count: usize, hash: &Value) -> String {
    let row = |it| with(&format!("user{}@example.com", it / 10), "password_hash", hash.clone()).to_string();
    (0..count).map(row).collect::<Vec<_>>().join("\n")
}

/// What the operation at `location` ended as.
pub(super) async fn end(system: &System, location: &str) -> Value {
    let admin = system.admin().await;
    loop {
        let report = admin.get(location).await.expect(200);
        if report["state"] != "running" {
            return report;
        }
        // Returns when no consumer has anything left to do.
        system.anybody().post("/_local/drain", json!({})).await;
    }
}

/// How many items of this type the table has now, whatever consumers still have to do.
async fn count(system: &System, entity: &str) -> u64 {
    let table = system.anybody().get("/_local/table").await.expect(200);
    table.as_array().unwrap().iter().filter(|item| item["entity"] == entity).map(|_| 1).sum()
}

#[tokio::test]
async fn more_rows_are_worked_off_by_and_by() {
    let system = System::start().await;
    let (admin, hash) = (system.admin().await, password_hash(&system).await);
    let rows = format!("{}\nnonsense\n{}\n{}", file(MANY, &hash), row(ADMIN), file(3, &hash));
    let answer = admin.post_file(CREATE, "application/x-ndjson", rows.clone()).await;
    let accepted = answer.like(202, &example("create_users"));
    assert_eq!((&accepted["state"], &accepted["done"]), (&json!("running"), &json!(0)));
    let location = answer.header("location");
    assert_eq!(location, format!("/api/v1/bulk/operations/{}", accepted["operation_id"].as_str().unwrap()));
    let report = end(&system, location).await;
    assert_eq!((&report["state"], &report["done"]), (&json!("completed"), &json!(1_205)));
    assert_eq!((counts(&report), errors(&report)), ([ACCOUNTS, 1, 1_084], vec![(1_200, "INVALID_JSON")]));
    assert_eq!((count(&system, "user").await, count(&system, "bulk_batch").await), (1 + ACCOUNTS, 0));
    let again = admin.post_file(CREATE, "application/x-ndjson", rows).await;
    assert_eq!(counts(&end(&system, again.header("location")).await), [0, 1, 1_204]);
    assert_eq!(count(&system, "user").await, 1 + ACCOUNTS);
    let mut told: Vec<_> = system.events("bulk.completed").await;
    told.sort_by_key(|event| event["at"].to_string());
    let told: Vec<_> =
        told.iter().map(|event| [&event["data"]["successful"], &event["data"]["skipped"]]).collect();
    assert_eq!(told, [[&json!(ACCOUNTS), &json!(1_084)], [&json!(0), &json!(1_204)]]);
}

#[tokio::test]
async fn an_operation_is_seen_by_who_started_it_and_by_administrators() {
    let system = System::start().await;
    let (admin, hash) = (system.with_role("admin@example.com", "admin").await, password_hash(&system).await);
    let answer = admin.post_file(CREATE, "application/x-ndjson", file(MANY, &hash)).await;
    let location = answer.header("location");
    let manager = system.with_role("manager@example.com", "manager").await;
    assert_eq!(manager.get(location).await.refused(403), "INSUFFICIENT_PERMISSIONS");
    system.admin().await.get(location).await.expect(200);
    let nowhere = "/api/v1/bulk/operations/bulk_00000000000040008000000000000000";
    for path in [nowhere, "/api/v1/bulk/operations/nonsense"] {
        assert_eq!(admin.get(path).await.refused(404), "OPERATION_NOT_FOUND");
    }
}

#[tokio::test]
async fn who_loses_their_role_makes_no_more_accounts() {
    let system = System::start().await;
    let (root, admin) = (system.admin().await, system.with_role("admin@example.com", "admin").await);
    let (hash, path) = (password_hash(&system).await, admin.admin_path().await);
    system.order_stream("stream-bulk", json!({ "paused": true })).await;
    let answer = admin.post_file(CREATE, "application/x-ndjson", file(MANY, &hash)).await;
    root.put(&path, json!({ "role": "user" })).await.expect(200);
    system.order_stream("stream-bulk", json!({ "paused": false })).await;
    let report = end(&system, answer.header("location")).await;
    assert_eq!((&report["state"], counts(&report)), (&json!("failed"), [0; 3]));
    assert!(report["reason"].as_str().unwrap().contains("role"), "{report}");
    system.drain().await;
    assert_eq!(count(&system, "user").await, 2);
    assert_eq!(count(&system, "bulk_batch").await, 0, "of those who were not made nothing is kept");
}

#[tokio::test]
async fn what_somebody_started_ends_with_their_sessions_and_with_what_their_role_lets_them_do() {
    let system = System::start().await;
    let (root, hash) = (system.admin().await, password_hash(&system).await);
    let role = |permissions: Value| json!({ "name": "importer", "permissions": permissions });
    root.post("/api/v1/admin/roles", role(json!(["user:create"]))).await.expect(201);
    let importer = system.with_role("importer@example.com", "importer").await;
    let paused = async |paused: bool| system.order_stream("stream-bulk", json!({ "paused": paused })).await;
    for ends in ["sessions", "role"] {
        let before = count(&system, "user").await;
        paused(true).await;
        let answer = importer.post_file(CREATE, "application/x-ndjson", file(MANY, &hash)).await;
        answer.expect(202);
        if ends == "sessions" {
            importer.delete("/api/v1/auth/sessions").await.expect(200);
        } else {
            root.put("/api/v1/admin/roles/importer", role(json!(["user:read"]))).await.expect(200);
        }
        paused(false).await;
        let report = end(&system, answer.header("location")).await;
        assert_eq!((&report["state"], counts(&report)), (&json!("failed"), [0; 3]), "{ends}");
        assert_eq!(count(&system, "user").await, before, "{ends}");
    }
}

#[tokio::test]
async fn whoever_has_a_role_that_administrators_made_creates_many_too() {
    let system = System::start().await;
    let role = json!({ "name": "importer", "permissions": ["user:create"] });
    system.admin().await.post("/api/v1/admin/roles", role).await.expect(201);
    let (importer, hash) =
        (system.with_role("importer@example.com", "importer").await, password_hash(&system).await);
    let row = |it| with(&format!("user{it}@example.com"), "password_hash", hash.clone());
    let rows: Vec<Value> = (0..62).map(row).collect();
    let report = importer.post(CREATE, json!({ "items": rows })).await.expect(200);
    assert_eq!(counts(&report), [62, 0, 0], "two whole transactions");
}

#[tokio::test]
async fn fail_fast_ends_an_operation() {
    let system = System::start().await;
    let hash = password_hash(&system).await;
    let rows = format!("{}\nnonsense\n{}", file(40, &hash), file(MANY, &hash));
    let admin = system.admin().await;
    let answer = admin.post_file(&format!("{CREATE}?fail_fast=true"), "application/x-ndjson", rows).await;
    let report = end(&system, answer.header("location")).await;
    assert_eq!((&report["state"], counts(&report)), (&json!("failed"), [4, 1, 36]));
    assert_eq!(count(&system, "user").await, 1 + 4);
}

/// A directory that is gone when the test is over.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn what_was_taken_on_is_done_whatever_becomes_of_the_process() {
    let scratch = Scratch(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bulk"));
    let _ = std::fs::remove_dir_all(&scratch.0);
    std::fs::create_dir_all(&scratch.0).unwrap();
    let system = System::start_in(&scratch.0).await;
    let (admin, rows) = (system.admin().await, file(MANY, &password_hash(&system).await));
    let done = admin.post_file(CREATE, "application/x-ndjson", rows.replace("user", "other")).await;
    assert_eq!(end(&system, done.header("location")).await["state"], "completed");
    system.order_stream("stream-bulk", json!({ "paused": true })).await;
    let answer = admin.post_file(CREATE, "application/x-ndjson", rows).await;
    assert_eq!(counts(&admin.get(answer.header("location")).await.expect(200)), [0; 3]);
    system.stop().await;
    // Without its position the worker is told everything again, late.
    std::fs::remove_file(scratch.0.join("stream-bulk.json")).unwrap();
    let system = System::start_in(&scratch.0).await;
    for location in [answer.header("location"), done.header("location")] {
        let report = end(&system, location).await;
        assert_eq!((&report["state"], counts(&report)), (&json!("completed"), [ACCOUNTS, 0, 1_080]));
    }
    assert_eq!(count(&system, "user").await, 1 + 2 * ACCOUNTS);
}
