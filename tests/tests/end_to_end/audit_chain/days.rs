//! A day is a chain of its own; it goes as a whole when its time is over, and what else is gone is missed.

use serde_json::{Value, json};
use tests::{Client, NEW_PASSWORD, System};

use super::export::judge;
use super::{EMAIL, EXPORT, VERIFY, flaw, trail, verify, with_trail};

/// A system with a trail of three days, each sealed by a checkpoint, an auditor, and the first day.
async fn with_days(settings: &[(&'static str, &'static str)]) -> (System, Client, String) {
    let system = System::start_with(settings).await;
    system.with_role("auditor@example.com", "auditor").await;
    let first = trail(&system).await[0]["at"].as_str().unwrap()[..10].to_owned();
    for _ in 0..2 {
        system.clean_up().await;
        system.advance(86_400).await;
        system.anybody().login("auditor@example.com", tests::PASSWORD).await.expect(200);
        system.drain().await;
    }
    system.clean_up().await;
    let auditor = system.anybody().signed_in("auditor@example.com", tests::PASSWORD).await;
    system.drain().await;
    (system, auditor, first)
}

/// All that the audit trail has of a day.
async fn items_of(system: &System, day: &str) -> Vec<Value> {
    let (records, heads) = (system.items("audit").await, system.items("audit_head").await);
    let of_day = |it: &Value| ["PK", "SK"].iter().any(|key| it[*key].as_str().unwrap().contains(day));
    records.into_iter().chain(heads).filter(of_day).collect()
}

#[tokio::test]
async fn hours_are_chains_of_their_own() {
    let (system, _, records) = with_trail().await;
    system.advance(86_400).await;
    system.anybody().login(EMAIL, tests::PASSWORD).await.expect(200);
    let next = trail(&system).await;
    assert_eq!(next.iter().filter(|record| record["seq"] == 1).count(), 2);
    let auditor = system.anybody().signed_in("auditor@example.com", tests::PASSWORD).await;
    system.drain().await;
    let verdict = verify(&auditor).await;
    assert_eq!((&verdict["valid"], &verdict["checked"]), (&json!(true), &json!(records.len() + 2)));
    let day = &records[0]["at"].as_str().unwrap()[..10];
    let verdict = auditor.get(&format!("{VERIFY}?start_date={day}&end_date={day}")).await.expect(200);
    assert_eq!(verdict["checked"], json!(records.len()));
}

#[tokio::test]
async fn a_past_that_was_cut_off_with_its_checkpoints_is_noticed() {
    let (system, auditor, first) = with_days(&[]).await;
    assert_eq!(verify(&auditor).await["valid"], true);
    for item in items_of(&system, &first).await {
        system.delete_item(&item).await;
    }
    for n in [1, 2] {
        let checkpoints = system.items("checkpoint").await;
        system.delete_item(checkpoints.iter().find(|it| it["n"] == n).unwrap()).await;
        for query in ["", &format!("?start_date={first}&end_date={first}")] {
            let verdict = auditor.get(&format!("{VERIFY}{query}")).await.expect(200);
            assert_eq!(verdict["first_invalid"]["reason"], "checkpoint_mismatch", "{n} {query} {verdict}");
        }
    }
}

#[tokio::test]
async fn a_checkpoint_in_the_middle_is_missed() {
    let (system, auditor, first) = with_days(&[]).await;
    let checkpoints = system.items("checkpoint").await;
    system.delete_item(checkpoints.iter().find(|it| it["n"] == 2).unwrap()).await;
    for query in ["", &format!("?start_date={first}&end_date={first}")] {
        let verdict = auditor.get(&format!("{VERIFY}{query}")).await.expect(200);
        assert_eq!(verdict["first_invalid"]["reason"], "checkpoint_mismatch", "{query} {verdict}");
    }
}

#[tokio::test]
async fn what_retention_removed_is_proven_and_what_else_is_gone_is_missed() {
    let (system, auditor, first) = with_days(&[("AUDIT_RETENTION_DAYS", "2")]).await;
    let jwks = auditor.get("/.well-known/jwks.json").await.text;
    let verdict = verify(&auditor).await;
    assert_eq!((&verdict["valid"], &verdict["removed"]), (&json!(true), &json!(0)));
    let before = items_of(&system, &first).await;
    system.advance(86_400).await;
    assert_eq!(system.clean_up().await["audit"], json!({ "looked_at": 1, "done": 1, "left": false }));
    assert_eq!(system.clean_up().await["audit"]["done"], 0, "it is gone");
    let [head] = &items_of(&system, &first).await[..] else { panic!("the head stays") };
    let auditor = system.anybody().signed_in("auditor@example.com", tests::PASSWORD).await;
    let verdict = verify(&auditor).await;
    assert_eq!(
        (&verdict["valid"], &verdict["removed"]),
        (&json!(true), &json!(before.len() - 1)),
        "{verdict}"
    );
    let (good, words) = judge(&auditor.get(EXPORT).await.text, &jwks, &[]);
    assert!(good && words.contains(&format!("{} more removed", before.len() - 1)), "{words}");

    let opened: Vec<Value> = before.iter().filter(|it| it["entity"] == "audit_head").cloned().collect();
    system.put_item(&opened[0]).await;
    assert_eq!(flaw(&auditor).await.0, "missing", "the day as it was, without its records");
    system.delete_item(head).await;
    assert_eq!(flaw(&auditor).await.0, "checkpoint_mismatch", "a day that nobody says was removed");
    system.put_item(head).await;
    let checkpoints = system.items("checkpoint").await;
    let n = head["removed_by"]["n"].clone();
    system.delete_item(checkpoints.iter().find(|it| it["n"] == n).unwrap()).await;
    let day = auditor.get(&format!("{VERIFY}?start_date={first}&end_date={first}")).await.expect(200);
    assert_eq!(day["first_invalid"]["reason"], "checkpoint_mismatch", "the checkpoint that says so is gone");
}

#[tokio::test]
async fn old_days_go_however_long_nobody_cleaned_up() {
    let system = System::start_with(&[("AUDIT_RETENTION_DAYS", "1")]).await;
    system.anybody().login(EMAIL, NEW_PASSWORD).await.refused(401);
    let old = trail(&system).await;
    assert!(!old.is_empty());
    system.advance(200 * 86_400).await;
    system.clean_up().await;
    let kept = trail(&system).await;
    assert!(old.iter().all(|record| !kept.contains(record)), "{kept:?}");
    assert_eq!(
        system.items("audit_head").await.iter().filter(|head| head["removed_by"]["n"] == 2).count(),
        1
    );
}

/// All records of these days, page after page of a verification that takes `limit` records at once: how many each page
/// checked, and from when on.
async fn walk(auditor: &Client, limit: usize) -> Vec<(u64, String)> {
    let (mut pages, mut path) = (Vec::new(), format!("{VERIFY}?limit={limit}"));
    loop {
        let page = auditor.get(&path).await;
        let verdict = page.expect(200);
        assert_eq!(verdict["valid"], true, "{verdict}");
        pages.push((verdict["checked"].as_u64().unwrap(), verdict["from"].as_str().unwrap().to_owned()));
        let cursor = page.header("x-next-cursor");
        if cursor.is_empty() {
            return pages;
        }
        path = format!("{VERIFY}?limit={limit}&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_verification_goes_back_hour_by_hour_as_far_as_it_is_asked() {
    let (system, auditor, records) = with_trail().await;
    for _ in 0..2 {
        system.advance(3_600).await;
        system.anybody().login(EMAIL, NEW_PASSWORD).await.refused(401);
        system.drain().await;
    }
    let auditor = auditor.signed_in("auditor@example.com", tests::PASSWORD).await;
    system.drain().await;
    let pages = walk(&auditor, 1).await;
    let checked: Vec<_> = pages.iter().map(|(checked, _)| *checked).collect();
    assert_eq!(checked, [2, 1, records.len() as u64], "an hour at least, and no hour in part");
    let day = &records[0]["at"].as_str().unwrap()[..10];
    assert_eq!(pages[0].1, format!("{day}T14:00:00Z"));
    assert_eq!(pages[1].1, format!("{day}T13:00:00Z"));
    assert!(pages[2].1 < format!("{day}T12:00:00Z"), "down to the first of the days that were asked for");
    assert_eq!(walk(&auditor, 50_000).await.len(), 1);
    for limit in ["0", "50001", "x"] {
        assert_eq!(auditor.get(&format!("{VERIFY}?limit={limit}")).await.invalid(), ["limit"]);
    }
}
