//! What somebody puts among the records, and this system did not write, is shown to nobody.

use serde_json::{Value, json};
use tests::System;

use super::{EMAIL, audit_id, flaw, trail, verify, with, with_trail};

const LOGS: &str = "/api/v1/audit/logs?limit=100";
const UUID: &str = "00000000-0000-4000-8000-000000000000";

/// A record like `record` of something that never happened, where a record of `day` at `time` belongs.
fn forged(record: &Value, (day, time): (&str, &str), partition: &str) -> Value {
    let place = format!("{day}T{time}.000Z#{UUID}");
    let id = format!("evt_{}", UUID.replace('-', ""));
    with(
        record,
        &[
            ("PK", json!(partition)),
            ("SK", json!(place)),
            ("GSI1SK", json!(place)),
            ("id", json!(id)),
            ("at", json!(format!("{day}T{time}Z"))),
        ],
    )
}

/// The newest record that is about her.
fn about_ada(records: &[Value]) -> &Value {
    records.iter().rfind(|it| it["type"] == "security.failed_login").unwrap()
}

/// How many entries the lists of the trail, a person's own data and the log of the last hour have.
async fn shown(system: &System) -> (usize, usize, usize) {
    let auditor = system.with_role("reader@example.com", "auditor").await;
    let ada = system.anybody().signed_in(EMAIL, tests::PASSWORD).await;
    system.drain().await;
    let listed = auditor.get(LOGS).await.expect(200);
    let export = ada.post("/api/v1/gdpr/export/my-data", json!({})).await.expect(200);
    let health = auditor.get("/api/v1/health/detailed").await.expect(200);
    let length = |list: &Value| list.as_array().unwrap().len();
    (length(&listed["items"]), length(&export["personal_data"]["activity_logs"]), length(&health["logs"]))
}

#[tokio::test]
async fn a_record_that_this_system_did_not_write_is_shown_to_nobody_wherever_it_stands() {
    let (system, _, records) = with_trail().await;
    let record = about_ada(&records);
    let (other, _, _) = with_trail().await;
    let expected = shown(&other).await;
    let day = &record["at"].as_str().unwrap()[..10];
    for (time, partition) in [
        ("11:59:59", format!("AUDIT#default#{day}")),
        ("11:59:59", format!("AUDIT#default#{day}#1")),
        ("11:59:59", "AUDIT#default#1999-01-01".to_owned()),
    ] {
        let forged = forged(record, (day, time), &partition);
        system.put_item(&forged).await;
    }
    // One that was written, once more, in another place.
    system.put_item(&with(record, &[("PK", json!("AUDIT#default#1999-01-01"))])).await;
    assert_eq!(shown(&system).await, expected);
}

#[tokio::test]
async fn a_record_that_is_listed_where_it_does_not_belong_is_not_shown() {
    let (system, auditor, records) = with_trail().await;
    let ada = about_ada(&records);
    let foreign = records.iter().find(|it| it["type"] == "admin.user_approved").unwrap();
    system.put_item(&with(foreign, &[("GSI1PK", ada["GSI1PK"].clone())])).await;
    let user = ada["subject"].as_str().unwrap();
    let listed = auditor.get(&format!("{LOGS}&user_id={user}")).await.expect(200);
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|it| &it["audit_id"]).collect();
    assert!(!ids.is_empty() && !ids.contains(&&audit_id(foreign)), "{listed}");
    assert_eq!(flaw(&auditor).await.0, "edited");
}

#[tokio::test]
async fn a_day_that_was_removed_is_not_shown_again() {
    let system = System::start_with(&[("AUDIT_RETENTION_DAYS", "1")]).await;
    system.with_role("auditor@example.com", "auditor").await;
    let old = trail(&system).await;
    system.advance(3 * 86_400).await;
    system.clean_up().await;
    let auditor = system.anybody().signed_in("auditor@example.com", tests::PASSWORD).await;
    system.drain().await;
    let listed = auditor.get(LOGS).await.expect(200)["items"].clone();
    for record in &old {
        system.put_item(record).await;
    }
    // One read more is told by now.
    system.drain().await;
    let again = auditor.get(LOGS).await.expect(200)["items"].clone();
    assert_eq!(again.as_array().unwrap().len(), listed.as_array().unwrap().len() + 1);
    system.clean_up().await;
    let kept = trail(&system).await;
    assert!(old.iter().all(|record| !kept.contains(record)), "it is removed once more");
    assert_eq!(verify(&auditor).await["valid"], true);
}

#[tokio::test]
async fn what_is_no_record_keeps_no_day_from_its_end() {
    let system = System::start_with(&[("AUDIT_RETENTION_DAYS", "1")]).await;
    system.with_role("auditor@example.com", "auditor").await;
    let old = trail(&system).await;
    for number in 10..40 {
        let day = format!("2001-01-{number}");
        system.put_item(&forged(&old[0], (&day, "00:00:00"), "AUDIT#default#1999-01-01")).await;
    }
    system.advance(3 * 86_400).await;
    assert_eq!(system.clean_up().await["audit"]["done"], 1);
    let kept = trail(&system).await;
    assert!(old.iter().all(|record| !kept.contains(record)), "{kept:?}");
}
