//! Rows of what administrators do with accounts and roles.

use serde_json::json;
use tests::PASSWORD;

use super::{Again, Request, Row, strike_all};

const ACCOUNTS: &str = "/api/v1/admin/users";
const ROLES: &str = "/api/v1/admin/roles";

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: "POST /api/v1/admin/users",
        prepare: |stage, n| {
            let form = json!({
                "email": format!("ada{n}@example.com"), "password": PASSWORD, "first_name": "Ada",
                "last_name": "Lovelace",
            });
            Box::pin(async move { Request::new(&stage.admin, ACCOUNTS, form) })
        },
        again: Again::Refused(409, "EMAIL_EXISTS"),
    },
    Row {
        operation: "PUT /api/v1/admin/users/{user_id}",
        prepare: |stage, n| {
            Box::pin(async move {
                let id = stage.account(&format!("ada{n}@example.com")).await;
                let change = json!({ "role": "manager", "email": format!("lovelace{n}@example.com") });
                Request::new(&stage.admin, format!("{ACCOUNTS}/{id}"), change)
            })
        },
        again: Again::Same,
    },
    Row {
        operation: "DELETE /api/v1/admin/users/{user_id}",
        prepare: |stage, n| {
            Box::pin(async move {
                let id = stage.account(&format!("ada{n}@example.com")).await;
                Request::without_body(&stage.admin, format!("{ACCOUNTS}/{id}"))
            })
        },
        again: Again::Refused(404, "USER_NOT_FOUND"),
    },
    Row {
        operation: "POST /api/v1/admin/approve-user",
        prepare: |stage, n| {
            Box::pin(async move {
                let id = stage.system.register_and_verify(&format!("ada{n}@example.com")).await;
                Request::new(&stage.admin, "/api/v1/admin/approve-user", json!({ "user_id": id }))
            })
        },
        again: Again::Same,
    },
    Row {
        operation: "POST /api/v1/admin/users/{user_id}/reject",
        prepare: |stage, n| {
            Box::pin(async move {
                let id = stage.system.register_and_verify(&format!("ada{n}@example.com")).await;
                Request::new(&stage.admin, format!("{ACCOUNTS}/{id}/reject"), json!({ "reason": "No" }))
            })
        },
        again: Again::Same,
    },
    Row {
        operation: "DELETE /api/v1/admin/users/{user_id}/sessions",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                let path = format!("{}/sessions", person.admin_path().await);
                Request::without_body(&stage.admin, path)
            })
        },
        again: Again::More,
    },
    Row {
        operation: "DELETE /api/v1/admin/users/{user_id}/sessions/{session_id}",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                let list = person.get("/api/v1/auth/sessions").await.expect(200);
                let id = list["items"][0]["session_id"].as_str().unwrap();
                let path = format!("{}/sessions/{id}", person.admin_path().await);
                Request::without_body(&stage.admin, path)
            })
        },
        again: Again::Refused(404, "SESSION_NOT_FOUND"),
    },
    Row {
        operation: "POST /api/v1/admin/roles",
        prepare: |stage, n| {
            let role = json!({ "name": format!("developer{n}"), "permissions": ["user:read"] });
            Box::pin(async move { Request::new(&stage.admin, ROLES, role) })
        },
        again: Again::Refused(409, "ROLE_EXISTS"),
    },
    Row {
        operation: "PUT /api/v1/admin/roles/{name}",
        prepare: |stage, n| {
            Box::pin(async move {
                let role = json!({ "name": format!("developer{n}"), "permissions": ["user:read"] });
                stage.admin.post(ROLES, role).await.expect(201);
                let change = json!({ "permissions": ["user:read", "audit:read"] });
                Request::new(&stage.admin, format!("{ROLES}/developer{n}"), change)
            })
        },
        again: Again::More,
    },
    Row {
        operation: "DELETE /api/v1/admin/roles/{name}",
        prepare: |stage, n| {
            Box::pin(async move {
                let role = json!({ "name": format!("developer{n}"), "permissions": ["user:read"] });
                stage.admin.post(ROLES, role).await.expect(201);
                Request::without_body(&stage.admin, format!("{ROLES}/developer{n}"))
            })
        },
        again: Again::Refused(404, "ROLE_NOT_FOUND"),
    },
];

#[tokio::test]
async fn working_with_accounts_survives_every_fault() {
    strike_all(&ROWS[..5]).await;
}

#[tokio::test]
async fn working_with_sessions_and_roles_survives_every_fault() {
    strike_all(&ROWS[5..]).await;
}
