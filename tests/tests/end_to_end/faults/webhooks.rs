//! Rows of webhooks.

use serde_json::{Value, json};

use super::{Again, Request, Row, Stage, strike_all};

const WEBHOOKS: &str = "/api/v1/webhooks";

/// A webhook that is told of nothing but what these rows ask for.
fn form(stage: &Stage) -> Value {
    json!({ "url": stage.receiver.url, "events": ["bulk.*"] })
}

/// Makes one; its path.
async fn webhook(stage: &Stage) -> String {
    let made = stage.admin.post(WEBHOOKS, form(stage)).await.expect(201);
    format!("{WEBHOOKS}/{}", made["id"].as_str().unwrap())
}

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: "POST /api/v1/webhooks",
        prepare: |stage, _| Box::pin(async move { Request::new(&stage.admin, WEBHOOKS, form(stage)) }),
        again: Again::More,
    },
    Row {
        operation: "PATCH /api/v1/webhooks/{webhook_id}",
        prepare: |stage, _| {
            Box::pin(async move {
                Request::new(&stage.admin, webhook(stage).await, json!({ "description": "The list" }))
            })
        },
        again: Again::More,
    },
    Row {
        operation: "DELETE /api/v1/webhooks/{webhook_id}",
        prepare: |stage, _| {
            Box::pin(async move { Request::without_body(&stage.admin, webhook(stage).await) })
        },
        again: Again::Refused(404, "WEBHOOK_NOT_FOUND"),
    },
    Row {
        operation: "POST /api/v1/webhooks/{webhook_id}/rotate-secret",
        prepare: |stage, _| {
            Box::pin(async move {
                let path = format!("{}/rotate-secret", webhook(stage).await);
                Request::new(&stage.admin, path, json!({}))
            })
        },
        again: Again::More,
    },
    Row {
        operation: "POST /api/v1/webhooks/{webhook_id}/test",
        prepare: |stage, _| {
            Box::pin(async move {
                let path = format!("{}/test", webhook(stage).await);
                Request::new(&stage.admin, path, json!({}))
            })
        },
        again: Again::More,
    },
    Row {
        operation: "POST /api/v1/webhooks/{webhook_id}/replay",
        prepare: |stage, _| {
            Box::pin(async move {
                let path = webhook(stage).await;
                let tested = stage.admin.post(&format!("{path}/test"), json!({})).await.expect(202);
                stage.system.settle().await;
                let body = json!({ "delivery_id": tested["delivery_id"] });
                Request::new(&stage.admin, format!("{path}/replay"), body)
            })
        },
        again: Again::More,
    },
];

#[tokio::test]
async fn working_with_webhooks_survives_every_fault() {
    strike_all(ROWS).await;
}
