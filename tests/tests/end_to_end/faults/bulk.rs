//! Rows of bulk operations.

use serde_json::{Value, json};
use tests::ADMIN;

use super::{Again, Request, Row, strike_all};

const CREATE: &str = "/api/v1/bulk/users/create";

fn row(email: &str) -> Value {
    json!({ "email": email, "first_name": "Ada", "last_name": "Lovelace" })
}

/// More rows than are worked off at once. These become accounts; the one behind
/// them fails, and the rest is not tried.
pub(super) fn many_rows(emails: &[String]) -> Value {
    let mut items: Vec<_> = emails.iter().map(|email| row(email)).collect();
    items.resize(1_001, json!({}));
    json!({ "items": items, "fail_fast": true })
}

/// Rows enough for two transactions.
fn rows(n: u32) -> Value {
    json!({ "items": (0..4).map(|it| row(&format!("row{n}of{it}@example.com"))).collect::<Vec<_>>(), "batch_size": 2 })
}

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: "POST /api/v1/bulk/users/create",
        prepare: |stage, n| Box::pin(async move { Request::new(&stage.admin, CREATE, rows(n)) }),
        again: Again::Rest,
    },
    Row {
        operation: "POST /api/v1/bulk/users/create, asynchronous",
        prepare: |stage, _| {
            Box::pin(async move { Request::new(&stage.admin, CREATE, many_rows(&[ADMIN.to_owned()])) })
        },
        again: Again::More,
    },
    Row {
        operation: "POST /api/v1/bulk/users/validate",
        prepare: |stage, n| {
            Box::pin(async move { Request::new(&stage.admin, "/api/v1/bulk/users/validate", rows(n)) })
        },
        again: Again::Same,
    },
];

#[tokio::test]
async fn a_bulk_operation_survives_every_fault() {
    strike_all(ROWS).await;
}
