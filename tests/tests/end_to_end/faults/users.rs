//! Rows of `/users`.

use serde_json::json;
use tests::PASSWORD;

use super::{Again, Request, Row, strike_all};

const USERS: &str = "/api/v1/users";

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: "POST /api/v1/users",
        prepare: |stage, n| {
            let form = json!({
                "username": format!("ada{n}"), "email": format!("ada{n}@example.com"), "password": PASSWORD,
            });
            Box::pin(async move { Request::new(&stage.admin, USERS, form) })
        },
        again: Again::Refused(409, "EMAIL_EXISTS"),
    },
    Row {
        operation: "PUT /api/v1/users/{user_id}",
        prepare: |stage, n| {
            Box::pin(async move {
                let id = stage.account(&format!("ada{n}@example.com")).await;
                let change = json!({ "username": format!("ada{n}"), "is_active": false });
                Request::new(&stage.admin, format!("{USERS}/{id}"), change)
            })
        },
        again: Again::Same,
    },
    Row {
        operation: "PATCH /api/v1/users/{user_id}",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                let path = person.admin_path().await.replace("/admin", "");
                person
                    .send("PATCH".parse().unwrap(), &path, Some(json!({ "username": format!("ada{n}") })))
                    .await;
                Request::new(&person, path, json!({ "username": format!("lovelace{n}") }))
            })
        },
        again: Again::Same,
    },
    Row {
        operation: "DELETE /api/v1/users/{user_id}",
        prepare: |stage, n| {
            Box::pin(async move {
                let id = stage.account(&format!("ada{n}@example.com")).await;
                Request::without_body(&stage.admin, format!("{USERS}/{id}"))
            })
        },
        again: Again::Refused(404, "USER_NOT_FOUND"),
    },
];

#[tokio::test]
async fn working_with_user_records_survives_every_fault() {
    strike_all(ROWS).await;
}
