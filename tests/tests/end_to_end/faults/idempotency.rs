//! A POST with an idempotency key, of which any call may fail: what it asks for is there once in the end.

use reqwest::Method;
use serde_json::json;
use tests::{Answer, System};

use super::change::Change;
use super::invariants::assert_whole;
use super::{KINDS, MANY, Stage, assert_honest};

const ROLES: &str = "/api/v1/admin/roles";
/// Longer than a request that died keeps others from running, in seconds.
const LEASE: i64 = 31;

async fn create(stage: &Stage, number: u32) -> Answer {
    let role = json!({ "name": format!("developer{number}"), "permissions": ["user:read"] });
    let request = stage.admin.request(Method::POST, ROLES).header("idempotency-key", number.to_string());
    Answer::of(request.json(&role)).await
}

#[tokio::test]
async fn a_request_with_a_key_survives_every_fault() {
    let stage = Stage::of(System::start_without_retries(&[]).await).await;
    let before = stage.system.table().await;
    create(&stage, 0).await.expect(201);
    let whole = Change::between(&before, &stage.system.table().await);
    for (number, (call, kind)) in (1..).zip((0..MANY).flat_map(|call| KINDS.map(|kind| (call, kind)))) {
        let what = format!("{kind} at call {call}");
        let before = stage.system.table().await;
        let fault = json!({ "function": "api", "kind": kind, "skip": call });
        stage.system.order_fault(fault).await;
        let first = create(&stage, number).await;
        let is_struck = stage.system.cancel_faults().await == json!([]);
        let is_done = Change::between(&before, &stage.system.table().await) == whole;
        assert_honest(&first, is_done, &what);

        stage.system.advance(LEASE).await;
        let second = create(&stage, number).await;
        let end = stage.system.table().await;
        assert_whole(&end, &what);
        assert_eq!(Change::between(&before, &end), whole, "{what}: it is done once");
        // An answer that could not be kept is not told again, but that it was done is.
        assert!(second.status == 201 || second.refused(409) == "ROLE_EXISTS", "{what}: {}", second.text);
        if !is_struck {
            assert_eq!(second.header("idempotency-replayed"), "true", "{what}");
            break;
        }
    }
}
