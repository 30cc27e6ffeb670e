//! `/api/v1/audit/verify` and `/export`: whoever changes the audit trail behind the system's back is found out, and by
//! whom nobody needs to trust us.

mod checkpoints;
mod days;
mod export;
mod forgeries;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, NEW_PASSWORD, System};

use export::judge;

const VERIFY: &str = "/api/v1/audit/verify";
const EXPORT: &str = "/api/v1/audit/export";
const EMAIL: &str = "ada@example.com";

/// A system with a trail of some records, an auditor, and the records in the order of their chain.
async fn with_trail() -> (System, Client, Vec<Value>) {
    let system = System::start().await;
    let auditor = system.with_role("auditor@example.com", "auditor").await;
    let ada = system.user(EMAIL).await;
    ada.login(EMAIL, NEW_PASSWORD).await.refused(401);
    let records = trail(&system).await;
    (system, auditor, records)
}

async fn trail(system: &System) -> Vec<Value> {
    let mut records = system.items("audit").await;
    records.sort_by_key(|record| record["seq"].as_u64());
    records
}

async fn verify(auditor: &Client) -> Value {
    auditor.get(VERIFY).await.expect(200)
}

/// What is found wrong: the reason, the record and its number.
async fn flaw(auditor: &Client) -> (String, Value, Value) {
    let verdict = verify(auditor).await;
    assert_eq!(verdict["valid"], false, "{verdict}");
    let flaw = &verdict["first_invalid"];
    (flaw["reason"].as_str().unwrap().to_owned(), flaw["audit_id"].clone(), flaw["seq"].clone())
}

fn audit_id(record: &Value) -> Value {
    json!(record["id"].as_str().unwrap().replace("evt_", "audit_"))
}

fn with(record: &Value, changes: &[(&str, Value)]) -> Value {
    let mut forged = record.clone();
    for (name, value) in changes {
        forged[*name] = value.clone();
    }
    forged
}

async fn sorted_checkpoints(system: &System) -> Vec<Value> {
    let mut checkpoints = system.items("checkpoint").await;
    checkpoints.sort_by_key(|checkpoint| checkpoint["n"].as_u64());
    checkpoints
}

async fn head(system: &System) -> Value {
    system.items("audit_head").await.remove(0)
}

#[tokio::test]
async fn a_trail_that_nobody_touched_is_valid_and_gets_a_checkpoint() {
    let (system, auditor, records) = with_trail().await;
    let numbers: Vec<_> = records.iter().filter_map(|record| record["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=records.len() as u64).collect::<Vec<_>>());
    let verdict = verify(&auditor).await;
    assert_eq!((&verdict["valid"], &verdict["checked"]), (&json!(true), &json!(records.len())));
    assert_eq!(verdict["first_invalid"], Value::Null);
    let checkpoint = tests::claims(verdict["checkpoint"].as_str().unwrap());
    assert_eq!(
        (&checkpoint["n"], &checkpoint["previous"], &checkpoint["removed"]),
        (&json!(1), &Value::Null, &json!([]))
    );
    assert_eq!(
        (&checkpoint["heads"][0]["hash"], &checkpoint["tenant"]),
        (&records.last().unwrap()["hash"], &json!("default"))
    );
    system.drain().await;
    let again = tests::claims(verify(&auditor).await["checkpoint"].as_str().unwrap());
    assert_eq!(again["n"], 2, "{again}");
    auditor.with_token(verdict["checkpoint"].as_str()).get(VERIFY).await.refused(401);
    system.drain().await;
}

#[tokio::test]
async fn an_edited_record_is_named() {
    let (system, auditor, records) = with_trail().await;
    let edits = [
        ("type", json!("user.logout")),
        ("at", json!("2020-01-01T00:00:00Z")),
        ("actor", json!("usr_00000000000040008000000000000000")),
        ("request_id", json!("another")),
        ("data", json!({ "reason": "another" })),
        ("hash", records[1]["hash"].clone()),
        ("mac", records[1]["mac"].clone()),
        ("GSI3PK", json!("TENANT#other#AUDIT")),
        ("tenant", json!("other")),
    ];
    for (name, value) in edits {
        system.put_item(&with(&records[3], &[(name, value)])).await;
        assert_eq!(flaw(&auditor).await, ("edited".to_owned(), audit_id(&records[3]), json!(4)), "{name}");
    }
    system.put_item(&records[3]).await;
    assert_eq!(verify(&auditor).await["valid"], true);
}

#[tokio::test]
async fn a_dropped_record_is_missed_by_its_number() {
    let (system, auditor, records) = with_trail().await;
    let last = records.len() - 1;
    for (index, next) in [(last, Value::Null), (0, audit_id(&records[1])), (3, audit_id(&records[4]))] {
        system.delete_item(&records[index]).await;
        assert_eq!(flaw(&auditor).await, ("missing".to_owned(), next, json!(index + 1)));
        system.put_item(&records[index]).await;
    }
}

#[tokio::test]
async fn an_inserted_record_is_named() {
    let (system, auditor, records) = with_trail().await;
    let uuid = "00000000-0000-4000-8000-000000000000";
    let place = |record: &Value| {
        json!(format!("{}#{uuid}", record["SK"].as_str().unwrap().split('#').next().unwrap()))
    };
    let copy = with(&records[3], &[("SK", place(&records[3])), ("GSI1SK", place(&records[3]))]);
    let id = json!("evt_00000000000040008000000000000000");
    let renamed = with(&copy, &[("id", id)]);
    let appended = with(&renamed, &[("seq", json!(records.len() + 1))]);
    for (forgery, number) in [(copy, json!(4)), (renamed, json!(4)), (appended, json!(records.len() + 1))] {
        // What was told of the verification before is no answer to this one.
        system.drain().await;
        system.put_item(&forgery).await;
        let expected = json!("audit_00000000000040008000000000000000");
        assert_eq!(flaw(&auditor).await, ("inserted".to_owned(), expected, number), "{forgery}");
        system.delete_item(&forgery).await;
    }
}

#[tokio::test]
async fn records_that_change_places_are_named() {
    let (system, auditor, records) = with_trail().await;
    system.put_item(&with(&records[2], &[("seq", json!(5))])).await;
    system.put_item(&with(&records[4], &[("seq", json!(3))])).await;
    assert_eq!(flaw(&auditor).await, ("reordered".to_owned(), audit_id(&records[4]), json!(3)));
}

#[tokio::test]
async fn a_head_that_somebody_else_wrote_is_noticed() {
    let (system, auditor, records) = with_trail().await;
    let (head, earlier) = (head(&system).await, &records[2]);
    let back = [("seq", earlier["seq"].clone()), ("hash", earlier["hash"].clone())];
    let later = [("at", json!("2020-01-01T00:00:00Z"))];
    let without_mac = [("mac", json!(""))];
    for forged in [&back[..], &later, &without_mac] {
        system.put_item(&with(&head, forged)).await;
        assert_eq!(flaw(&auditor).await, ("head_mismatch".to_owned(), Value::Null, Value::Null));
        let refused = auditor.get(EXPORT).await.refused(409);
        assert_eq!(refused, "AUDIT_TRAIL_CHANGED");
    }
    system.put_item(&head).await;
    assert_eq!(verify(&auditor).await["valid"], true);
}

#[tokio::test]
async fn a_head_that_was_moved_back_is_noticed() {
    let (system, auditor, records) = with_trail().await;
    let head = head(&system).await;
    system.anybody().login(EMAIL, NEW_PASSWORD).await.refused(401);
    let newest = trail(&system).await.pop().unwrap();
    system.put_item(&head).await;
    let expected = ("head_mismatch".to_owned(), audit_id(&newest), json!(records.len() + 1));
    assert_eq!(flaw(&auditor).await, expected);
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_missed_by_the_checkpoint() {
    let (system, auditor, records) = with_trail().await;
    let head = head(&system).await;
    verify(&auditor).await;
    system.drain().await;
    verify(&auditor).await;
    for record in trail(&system).await.into_iter().skip(records.len()) {
        system.delete_item(&record).await;
    }
    system.put_item(&head).await;
    let (reason, _, number) = flaw(&auditor).await;
    assert_eq!((reason.as_str(), number), ("checkpoint_mismatch", json!(records.len() + 1)));
}

#[tokio::test]
async fn nothing_is_signed_or_chained_on_the_word_of_a_head_that_somebody_else_wrote() {
    let (system, auditor, records) = with_trail().await;
    let (head, newest) = (head(&system).await, records.last().unwrap());
    let forged =
        with(newest, &[("data", json!({ "reason": "another" })), ("hash", records[0]["hash"].clone())]);
    system.put_item(&forged).await;
    system.put_item(&with(&head, &[("hash", forged["hash"].clone())])).await;
    assert_eq!(system.anybody().post("/_local/run/scheduled-cleanup", json!({})).await.status, 502);
    assert_eq!(system.items("checkpoint").await.len(), 0);
    // What happens meanwhile is not lost.
    system.anybody().login(EMAIL, NEW_PASSWORD).await.refused(401);
    assert_eq!(trail(&system).await.len(), records.len());
    system.put_item(newest).await;
    system.put_item(&head).await;
    system.anybody().post("/_local/run/replay-dead-letters", json!({})).await.expect(200);
    assert_eq!(trail(&system).await.len(), records.len() + 1);
    assert_eq!(verify(&auditor).await["valid"], true);
}

#[tokio::test]
async fn auditors_who_verify_at_the_same_time_all_find_the_trail_valid() {
    let (_system, auditor, _) = with_trail().await;
    let verdicts = (0..4).map(|_| async {
        auditor.get("/api/v1/audit/logs").await.expect(200);
        verify(&auditor).await
    });
    for verdict in futures::future::join_all(verdicts).await {
        assert_eq!(verdict["valid"], true, "{verdict}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_hides_no_other_and_is_named() {
    let (system, auditor, records) = with_trail().await;
    system.put_item(&with(&records[3], &[("type", json!("user.flew"))])).await;
    let listed = auditor.get("/api/v1/audit/logs?limit=100").await.expect(200)["items"].clone();
    assert_eq!(listed.as_array().unwrap().len(), records.len() - 1);
    assert_eq!(flaw(&auditor).await.1, audit_id(&records[3]));
    let jwks = auditor.get("/.well-known/jwks.json").await.text;
    let (good, words) = judge(&auditor.get(EXPORT).await.text, &jwks, &[]);
    assert!(
        !good && words.starts_with("edited: ") && words.contains(records[3]["id"].as_str().unwrap()),
        "{words}"
    );
}

#[tokio::test]
async fn erasing_a_person_leaves_the_trail_valid() {
    let (system, auditor, records) = with_trail().await;
    let ada = system.anybody().signed_in(EMAIL, tests::PASSWORD).await;
    let confirmation = json!({ "confirmation": "DELETE MY ACCOUNT" });
    ada.send(Method::DELETE, "/api/v1/gdpr/delete/my-account", Some(confirmation)).await.expect(200);
    system.drain().await;
    let verdict = verify(&auditor).await;
    assert_eq!((&verdict["valid"], &verdict["checked"]), (&json!(true), &json!(records.len() + 2)));
}

#[tokio::test]
async fn events_that_come_again_are_recorded_once() {
    let (system, auditor, _) = with_trail().await;
    for _ in 0..3 {
        // The sign-in is written; its record is, too, and yet the stream brings it again.
        let fault = json!({
            "service": "dynamodb", "operation": "TransactWriteItems", "kind": "error_after_commit", "skip": 1, "count": 3,
        });
        system.order_fault(fault).await;
        system.anybody().login(EMAIL, tests::PASSWORD).await.expect(200);
        system.drain().await;
        system.cancel_faults().await;
    }
    system.drain().await;
    let verdict = verify(&auditor).await;
    assert_eq!(
        (&verdict["valid"], &verdict["checked"]),
        (&json!(true), &json!(trail(&system).await.len() - 1))
    );
}

#[tokio::test]
async fn more_than_31_days_are_refused() {
    let (_system, auditor, _) = with_trail().await;
    for path in [VERIFY, EXPORT] {
        let query = |span: &str| format!("{path}?{span}");
        let wide = auditor.get(&query("start_date=2024-01-01&end_date=2024-02-01")).await;
        assert_eq!(wide.invalid(), ["start_date"]);
        auditor.get(&query("start_date=2024-01-01&end_date=2024-01-31")).await.expect(200);
        assert_eq!(
            auditor.get(&query("start_date=2024-01-02&end_date=2024-01-01")).await.invalid(),
            ["start_date"]
        );
        assert_eq!(
            auditor.get(&query("start_date=x&end_date=y")).await.invalid(),
            ["start_date", "end_date"]
        );
    }
    assert_eq!(auditor.get(&format!("{EXPORT}?cursor=x")).await.invalid(), ["cursor"]);
}
