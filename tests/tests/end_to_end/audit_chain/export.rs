//! `/api/v1/audit/export`: what is exported can be verified by whoever does not trust us.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tests::{Client, System};

use super::{EXPORT, head, sorted_checkpoints, trail, verify, with, with_trail};

/// What the program for strangers says of an export, and of checkpoints that were kept: whether it is good, and its
/// words.
pub(super) fn judge(export: &str, jwks: &str, kept: &[&str]) -> (bool, String) {
    static JUDGED: AtomicU32 = AtomicU32::new(0);
    let number = JUDGED.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("usher-audit-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = |name: String, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (records, keys) = (file("export.ndjson".to_owned(), export), file("jwks.json".to_owned(), jwks));
    let kept = kept.iter().enumerate().map(|(index, jws)| file(format!("{index}.jws"), jws));
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify-audit");
    let output = Command::new("python3").arg(program).args([records, keys]).args(kept).output().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned(),
    )
}

#[tokio::test]
async fn a_stranger_verifies_an_export_with_the_public_keys() {
    let (system, auditor, records) = with_trail().await;
    verify(&auditor).await;
    system.drain().await;
    let day = &records[0]["at"].as_str().unwrap()[..10];
    let export = auditor.get(&format!("{EXPORT}?start_date={day}&end_date={day}")).await;
    assert_eq!((export.status, export.header("content-type")), (200, "application/x-ndjson"));
    // What it holds, a checkpoint, what the day holds, and the records, of which the last is not sealed by that checkpoint.
    let lines: Vec<&str> = export.text.lines().collect();
    assert_eq!(lines.len(), 3 + records.len() + 1);
    let jwks = auditor.get("/.well-known/jwks.json").await.text;
    let (good, words) = judge(&export.text, &jwks, &[]);
    assert!(good && words.starts_with(&format!("valid: {} records", records.len() + 1)), "{words}");

    let id = |index: usize| records[index]["id"].as_str().unwrap();
    let without = |dropped: &[usize]| {
        let kept = lines.iter().enumerate().filter(|(index, _)| !dropped.contains(index));
        kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
    };
    let swapped = |one: &str, other: &str| {
        export.text.replace(one, "evt_").replace(other, one).replace("\"evt_\"", &format!("\"{other}\""))
    };
    let last = lines.len() - 1;
    let moved = with(&serde_json::from_str(lines[last]).unwrap(), &[("seq", json!(last - 1))]);
    let all_records: Vec<usize> = (3..=last).collect();
    for (forged, expected) in [
        (String::new(), "the export does not begin with what it holds"),
        (without(&[0]), "the export does not begin with what it holds"),
        (without(&[1]), "there are not all checkpoints"),
        (without(&all_records), "missing: "),
        (without(&[2]), "missing: the day"),
        ([&export.text, lines[2]].concat(), "the day "),
        (without(&[3]), "missing: "),
        (without(&[5]), "missing: "),
        (without(&[last]), "missing: "),
        (
            export.text.replace(id(3), "evt_00000000000040008000000000000000"),
            "edited or reordered: audit_00000",
        ),
        (export.text.replace("audit.read", "user.login"), "edited or reordered: "),
        (swapped(id(2), id(3)), &format!("edited or reordered: {}", id(3).replace("evt_", "audit_"))),
        ([&export.text, lines[4]].concat(), "inserted: "),
        ([&export.text, &*moved.to_string()].concat(), "inserted: "),
        (
            export.text.replace("\"checkpoint\":\"eyJ", "\"checkpoint\":\"eyI"),
            "an audit-checkpoint+jws is not signed",
        ),
        (
            export.text.replace(lines[1], &lines[0].replace("export", "checkpoint")),
            "an audit-checkpoint+jws is not signed",
        ),
    ] {
        let (good, words) = judge(&forged, &jwks, &[]);
        assert!(!good && words.starts_with(expected), "{expected}: {words}");
    }
    let (good, words) = judge(&export.text, r#"{"keys":[]}"#, &[]);
    assert!(!good && words.ends_with("not signed by one of the keys"), "{words}");
}

#[tokio::test]
async fn a_checkpoint_that_was_kept_tells_that_the_end_was_cut_off() {
    let (system, auditor, records) = with_trail().await;
    let jwks = auditor.get("/.well-known/jwks.json").await.text;
    let head = head(&system).await;
    let told = verify(&auditor).await["checkpoint"].as_str().unwrap().to_owned();
    system.drain().await;
    let kept = verify(&auditor).await["checkpoint"].as_str().unwrap().to_owned();
    let export = auditor.get(EXPORT).await.text;
    let (good, words) = judge(&export, &jwks, &[&told, &kept]);
    assert!(good, "{words}");
    // Whoever can write to the table brings it back to where it was, with all that was good then.
    for record in trail(&system).await.into_iter().skip(records.len()) {
        system.delete_item(&record).await;
    }
    system.put_item(&head).await;
    let [first, second] = &sorted_checkpoints(&system).await[..] else { panic!("two checkpoints") };
    system.delete_item(second).await;
    let newest = with(
        &system.items("checkpoint_head").await[0],
        &[
            ("n", first["n"].clone()),
            ("at", first["at"].clone()),
            ("jws", first["jws"].clone()),
            ("mac", first["mac"].clone()),
        ],
    );
    system.put_item(&newest).await;
    let export = auditor.get(EXPORT).await.text;
    let (good, words) = judge(&export, &jwks, &[&told]);
    assert!(good, "nothing else tells: {words}");
    let (good, words) = judge(&export, &jwks, &[&kept]);
    assert!(!good && words.starts_with("checkpoint 2 knows another record"), "{words}");
}

/// All pages of an export, one behind the other, `limit` lines at once; how many there were.
async fn pages(auditor: &Client, query: &str) -> (String, usize) {
    let first = auditor.get(&format!("{EXPORT}?{query}")).await;
    let (mut text, mut count, mut cursor) = (first.text.clone(), 1, first.header("x-next-cursor").to_owned());
    while !cursor.is_empty() {
        let page = auditor.get(&format!("{EXPORT}?{query}&cursor={cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        (text, count) = (text + &page.text, count + 1);
        page.header("x-next-cursor").clone_into(&mut cursor);
    }
    (text, count)
}

#[tokio::test]
async fn an_export_in_pages_is_as_good_as_one_in_a_piece() {
    let (system, auditor, _) = with_trail().await;
    for _ in 0..3 {
        verify(&auditor).await;
        system.advance(1).await;
        system.drain().await;
    }
    let jwks = auditor.get("/.well-known/jwks.json").await.text;
    for limit in [1, 2, 3, 7] {
        let (export, count) = pages(&auditor, &format!("limit={limit}")).await;
        assert!(count > 31 / limit, "{count}");
        let (good, words) = judge(&export, &jwks, &[]);
        assert!(good && words.ends_with("3 checkpoints"), "{limit}: {words}");
    }
}

#[tokio::test]
async fn an_export_goes_on_after_midnight() {
    let (system, auditor, records) = with_trail().await;
    let first = auditor.get(&format!("{EXPORT}?limit=40")).await;
    let cursor = first.header("x-next-cursor").to_owned();
    system.advance(43_200).await;
    let auditor = auditor.signed_in("auditor@example.com", tests::PASSWORD).await;
    let rest = auditor.get(&format!("{EXPORT}?limit=1000&cursor={cursor}")).await;
    let jwks = auditor.get("/.well-known/jwks.json").await.text;
    let (good, words) = judge(&[first.text, rest.text].concat(), &jwks, &[]);
    assert!(good && words.starts_with(&format!("valid: {} records", records.len())), "{words}");
}

#[tokio::test]
async fn an_export_whose_records_go_between_two_pages_says_so() {
    let system = System::start_with(&[("AUDIT_RETENTION_DAYS", "1")]).await;
    system.with_role("auditor@example.com", "auditor").await;
    let day = trail(&system).await[0]["at"].as_str().unwrap()[..10].to_owned();
    // Until an hour before midnight, and then an hour behind it.
    system.advance(35 * 3_600).await;
    let auditor = system.anybody().signed_in("auditor@example.com", tests::PASSWORD).await;
    let page = |cursor: &str| format!("{EXPORT}?start_date={day}&end_date={day}&limit=3&cursor={cursor}");
    let first = auditor.get(page("").trim_end_matches("&cursor=")).await;
    let cursor = first.header("x-next-cursor");
    system.advance(2 * 3_600).await;
    let auditor = auditor.signed_in("auditor@example.com", tests::PASSWORD).await;
    assert_eq!(auditor.get(&page(cursor)).await.status, 200);
    assert_eq!(system.clean_up().await["audit"]["done"], 1);
    assert_eq!(auditor.get(&page(cursor)).await.refused(409), "AUDIT_DAY_REMOVED");
}

#[tokio::test]
async fn a_checkpoint_that_says_nothing_of_an_export_is_no_proof_and_no_flaw() {
    let (system, auditor, records) = with_trail().await;
    let jwks = auditor.get("/.well-known/jwks.json").await.text;
    let day = &records[0]["at"].as_str().unwrap()[..10];
    system.drain().await;
    let export = auditor.get(&format!("{EXPORT}?start_date={day}&end_date={day}")).await.text;
    system.advance(1).await;
    system.drain().await;
    let newer = verify(&auditor).await["checkpoint"].as_str().unwrap().to_owned();
    let (good, words) = judge(&export, &jwks, &[&newer]);
    assert!(good && words.starts_with("checkpoint 1 was made after the export"), "{words}");
    let export = auditor.get(&format!("{EXPORT}?start_date=2024-01-01&end_date=2024-01-02")).await.text;
    let (good, words) = judge(&export, &jwks, &[&newer]);
    assert!(good && words.starts_with("checkpoint 1 says nothing of these days"), "{words}");
    let export = auditor.get(EXPORT).await.text;
    let (good, words) = judge(&export, &jwks, &[&newer]);
    assert!(good && words.starts_with("checkpoint 1 agrees"), "{words}");
}
