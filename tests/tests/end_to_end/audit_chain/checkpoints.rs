//! Checkpoints, and what says which one is the newest: whoever changes them is found out, and seals nothing.

use serde_json::{Value, json};
use tests::{Client, System};

use super::{EXPORT, flaw, sorted_checkpoints, verify, with, with_trail};

/// A system with two checkpoints, and an auditor.
async fn with_checkpoints() -> (System, Client, [Value; 2]) {
    let (system, auditor, _) = with_trail().await;
    verify(&auditor).await;
    system.advance(1).await;
    system.drain().await;
    verify(&auditor).await;
    let Ok(two) = sorted_checkpoints(&system).await.try_into() else { panic!("two checkpoints") };
    (system, auditor, two)
}

async fn head(system: &System) -> Value {
    system.items("checkpoint_head").await.remove(0)
}

/// That verifications say so, and that nothing is sealed.
async fn is_noticed(system: &System, auditor: &Client, what: &str) {
    let checkpoints = sorted_checkpoints(system).await.len();
    assert_eq!(flaw(auditor).await.0, "checkpoint_mismatch", "{what}");
    let cleaned = system.anybody().post("/_local/run/scheduled-cleanup", json!({})).await;
    assert_eq!(cleaned.status, 502, "{what}");
    assert_eq!(sorted_checkpoints(system).await.len(), checkpoints, "{what}");
}

#[tokio::test]
async fn a_checkpoint_that_was_changed_or_dropped_is_noticed() {
    let (system, auditor, _) = with_trail().await;
    verify(&auditor).await;
    system.advance(1).await;
    system.drain().await;
    verify(&auditor).await;
    let [first, second] = &sorted_checkpoints(&system).await[..] else { panic!("two checkpoints") };
    system.put_item(&with(first, &[("jws", second["jws"].clone())])).await;
    assert_eq!(flaw(&auditor).await.0, "checkpoint_mismatch");
    system.put_item(first).await;
    system.delete_item(second).await;
    assert_eq!(flaw(&auditor).await.0, "checkpoint_mismatch");
}

#[tokio::test]
async fn a_newest_checkpoint_that_somebody_else_wrote_is_noticed_and_seals_nothing() {
    let (system, auditor, [first, _]) = with_checkpoints().await;
    let head = head(&system).await;
    for (name, value) in [
        ("at", json!("2999-01-01T00:00:00Z")),
        ("n", json!(7)),
        ("jws", first["jws"].clone()),
        ("mac", first["mac"].clone()),
        ("mac", json!("")),
    ] {
        system.put_item(&with(&head, &[(name, value)])).await;
        is_noticed(&system, &auditor, name).await;
    }
    system.put_item(&head).await;
    assert_eq!(verify(&auditor).await["valid"], true);
}

#[tokio::test]
async fn nothing_is_sealed_behind_a_checkpoint_that_is_not_the_newest() {
    let (system, auditor, [first, _]) = with_checkpoints().await;
    let head = head(&system).await;
    let older = ["n", "at", "jws", "mac"].map(|name| (name, first[name].clone()));
    system.put_item(&with(&head, &older)).await;
    is_noticed(&system, &auditor, "an older one").await;
    system.delete_item(&head).await;
    is_noticed(&system, &auditor, "none").await;
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_read_is_a_flaw_and_no_failure() {
    let (system, auditor, [first, _]) = with_checkpoints().await;
    system.put_item(&with(&first, &[("mac", json!(""))])).await;
    assert_eq!(flaw(&auditor).await.0, "checkpoint_mismatch");
    assert_eq!(auditor.get(EXPORT).await.refused(409), "AUDIT_TRAIL_CHANGED");
}
