//! `/api/v1/audit/export`: what is exported can be verified by whoever does not trust us.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

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
    let export = auditor.get(EXPORT).await;
    assert_eq!((export.status, export.header("content-type")), (200, "application/x-ndjson"));
    // What it holds, a checkpoint, and the records, of which the last is not sealed by that checkpoint.
    let lines: Vec<&str> = export.text.lines().collect();
    assert_eq!(lines.len(), 2 + records.len() + 1);
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
    let moved = with(&serde_json::from_str(lines[last]).unwrap(), &[("seq", json!(last))]);
    let all_records: Vec<usize> = (2..=last).collect();
    for (forged, expected) in [
        (String::new(), "the export does not begin with what it holds"),
        (without(&[0]), "the export does not begin with what it holds"),
        (without(&[1]), "there are not all checkpoints"),
        (without(&all_records), "missing: "),
        (without(&[2]), "missing: "),
        (without(&[4]), "missing: "),
        (without(&[last]), "missing: "),
        (
            export.text.replace(id(3), "evt_00000000000040008000000000000000"),
            "edited or reordered: audit_00000",
        ),
        (export.text.replace("audit.read", "user.login"), "edited or reordered: "),
        (swapped(id(2), id(3)), &format!("edited or reordered: {}", id(3).replace("evt_", "audit_"))),
        ([&export.text, lines[3]].concat(), "inserted: "),
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
            ("hash", tests::claims(second["jws"].as_str().unwrap())["previous"].clone()),
        ],
    );
    system.put_item(&newest).await;
    let export = auditor.get(EXPORT).await.text;
    let (good, words) = judge(&export, &jwks, &[&told]);
    assert!(good, "nothing else tells: {words}");
    let (good, words) = judge(&export, &jwks, &[&kept]);
    assert!(!good && words.starts_with("checkpoint 2 knows another record"), "{words}");
}
