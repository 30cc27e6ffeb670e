//! Rows of what people do with their own accounts: registering, signing in, passwords, sessions, their data.

use serde_json::json;
use tests::{ADMIN, NEW_PASSWORD, PASSWORD, System, registration};

use super::{Again, KINDS, Request, Row, strike_all};
use crate::mail::Scratch;

const REGISTERING: &[Row] = &[
    Row {
        operation: "POST /api/v1/auth/register",
        prepare: |stage, n| {
            let form = registration(&format!("ada{n}@example.com"));
            Box::pin(async move { Request::new(&stage.system.anybody(), "/api/v1/auth/register", form) })
        },
        again: Again::Refused(400, "EMAIL_EXISTS"),
    },
    Row {
        operation: "POST /api/users/register",
        prepare: |stage, n| {
            let form = json!({ "name": "Ada", "email": format!("ada{n}@example.com"), "password": PASSWORD });
            Box::pin(async move { Request::new(&stage.system.anybody(), "/api/users/register", form) })
        },
        again: Again::Refused(409, "EMAIL_EXISTS"),
    },
    Row {
        operation: "POST /api/v1/auth/verify-email",
        prepare: |stage, n| {
            Box::pin(async move {
                let registered = stage.system.register(&format!("ada{n}@example.com")).await;
                let form = json!({ "token": registered["verification_token"] });
                Request::new(&stage.system.anybody(), "/api/v1/auth/verify-email", form)
            })
        },
        again: Again::Refused(400, "INVALID_TOKEN"),
    },
    Row {
        operation: "POST /api/v1/auth/resend-verification",
        prepare: |stage, n| {
            Box::pin(async move {
                let email = format!("ada{n}@example.com");
                stage.system.register(&email).await;
                // What was mailed with it is fresh no more.
                stage.system.advance(300).await;
                let path = "/api/v1/auth/resend-verification";
                Request::new(&stage.system.anybody(), path, json!({ "email": email }))
            })
        },
        again: Again::Later,
    },
];

const SIGNING_IN: &[Row] = &[
    Row {
        operation: "POST /api/v1/auth/login",
        prepare: |stage, n| {
            Box::pin(async move {
                let email = format!("ada{n}@example.com");
                stage.account(&email).await;
                let form = json!({ "email": email, "password": PASSWORD });
                Request::new(&stage.system.anybody(), "/api/v1/auth/login", form)
            })
        },
        again: Again::More,
    },
    Row {
        operation: "POST /api/users/login",
        prepare: |stage, n| {
            Box::pin(async move {
                let email = format!("ada{n}@example.com");
                stage.account(&email).await;
                let form = json!({ "email": email, "password": PASSWORD });
                Request::new(&stage.system.anybody(), "/api/users/login", form)
            })
        },
        again: Again::More,
    },
    Row {
        operation: "POST /api/v1/auth/refresh",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                let client = person.with_token(Some(&person.refresh_token));
                Request::without_body(&client, "/api/v1/auth/refresh")
            })
        },
        again: Again::Same,
    },
    Row {
        operation: "POST /api/v1/auth/logout",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                Request::new(&person, "/api/v1/auth/logout", json!({}))
            })
        },
        again: Again::Refused(401, "SESSION_ENDED"),
    },
    Row {
        operation: "DELETE /api/v1/auth/sessions",
        prepare: |stage, n| {
            Box::pin(async move {
                let email = format!("ada{n}@example.com");
                let person = stage.somebody(&email).await;
                person.login(&email, PASSWORD).await.expect(200);
                Request::without_body(&person, "/api/v1/auth/sessions")
            })
        },
        again: Again::More,
    },
    Row {
        operation: "DELETE /api/v1/auth/sessions/{session_id}",
        prepare: |stage, n| {
            Box::pin(async move {
                let email = format!("ada{n}@example.com");
                let person = stage.somebody(&email).await;
                person.login(&email, PASSWORD).await.expect(200);
                let list = person.get("/api/v1/auth/sessions").await.expect(200);
                let other = list["items"].as_array().unwrap().iter().find(|it| it["current"] == false);
                let id = other.unwrap()["session_id"].as_str().unwrap();
                Request::without_body(&person, format!("/api/v1/auth/sessions/{id}"))
            })
        },
        again: Again::Refused(404, "SESSION_NOT_FOUND"),
    },
];

const PASSWORDS: &[Row] = &[
    Row {
        operation: "POST /api/v1/auth/password-reset",
        prepare: |stage, n| {
            Box::pin(async move {
                let email = format!("ada{n}@example.com");
                stage.account(&email).await;
                let path = "/api/v1/auth/password-reset";
                Request::new(&stage.system.anybody(), path, json!({ "email": email }))
            })
        },
        again: Again::Later,
    },
    Row {
        operation: "POST /api/v1/auth/reset-password",
        prepare: |stage, n| {
            Box::pin(async move {
                let (anybody, email) = (stage.system.anybody(), format!("ada{n}@example.com"));
                stage.account(&email).await;
                anybody.post("/api/v1/auth/password-reset", json!({ "email": email })).await.expect(200);
                let token = stage.system.mailed_token(&email, "rst_").await;
                let form = json!({ "token": token, "new_password": NEW_PASSWORD });
                Request::new(&anybody, "/api/v1/auth/reset-password", form)
            })
        },
        again: Again::Refused(400, "INVALID_TOKEN"),
    },
    Row {
        operation: "POST /api/v1/auth/change-password",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                let form = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
                Request::new(&person, "/api/v1/auth/change-password", form)
            })
        },
        again: Again::Refused(401, "SESSION_ENDED"),
    },
];

const OWN: &[Row] = &[
    Row {
        operation: "PUT /api/v1/profile/me",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                let names = json!({ "first_name": "Ada", "last_name": "Lovelace" });
                Request::new(&person, "/api/v1/profile/me", names)
            })
        },
        again: Again::Same,
    },
    Row {
        operation: "PUT /api/v1/profile/me, another address",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                let email = format!("lovelace{n}@example.com");
                let form = json!({ "email": email, "current_password": PASSWORD });
                Request::new(&person, "/api/v1/profile/me", form)
            })
        },
        again: Again::Same,
    },
    Row {
        operation: "POST /api/v1/auth/verify-email, of another address",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                let email = format!("lovelace{n}@example.com");
                let form = json!({ "email": email, "current_password": PASSWORD });
                person.put("/api/v1/profile/me", form).await.expect(200);
                let token = stage.system.mailed_token(&email, "eml_").await;
                Request::new(&stage.system.anybody(), "/api/v1/auth/verify-email", json!({ "token": token }))
            })
        },
        again: Again::Refused(400, "INVALID_TOKEN"),
    },
    Row {
        operation: "POST /api/v1/gdpr/export/my-data",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                Request::without_body(&person, "/api/v1/gdpr/export/my-data")
            })
        },
        again: Again::More,
    },
    Row {
        operation: "DELETE /api/v1/gdpr/delete/my-account",
        prepare: |stage, n| {
            Box::pin(async move {
                let person = stage.somebody(&format!("ada{n}@example.com")).await;
                let form = json!({ "confirmation": "DELETE MY ACCOUNT" });
                Request::new(&person, "/api/v1/gdpr/delete/my-account", form)
            })
        },
        again: Again::Refused(401, "SESSION_ENDED"),
    },
];

pub(super) const ROWS: [&[Row]; 4] = [REGISTERING, SIGNING_IN, PASSWORDS, OWN];

#[tokio::test]
async fn registering_survives_every_fault() {
    strike_all(REGISTERING).await;
}

#[tokio::test]
async fn signing_in_and_out_survives_every_fault() {
    strike_all(SIGNING_IN).await;
}

#[tokio::test]
async fn changing_a_password_survives_every_fault() {
    strike_all(PASSWORDS).await;
}

#[tokio::test]
async fn what_people_do_with_their_own_data_survives_every_fault() {
    strike_all(OWN).await;
}

#[tokio::test]
async fn who_cannot_open_the_keys_says_so_and_opens_them_later() {
    let scratch = Scratch::new("keys");
    let system = System::start_in(&scratch.0).await;
    system.admin().await;
    system.drain().await;
    system.stop().await;
    for kind in KINDS {
        let system = System::start_in(&scratch.0).await;
        // As often as the SDK tries.
        let fault = json!({ "function": "api", "service": "kms", "kind": kind, "count": 3 });
        system.order_fault(fault).await;
        let answer = system.anybody().login(ADMIN, PASSWORD).await;
        assert_eq!(system.cancel_faults().await, json!([]), "{kind}: KMS is asked");
        assert_eq!(answer.refused(503), "SERVICE_UNAVAILABLE", "{kind}");
        system.admin().await;
        system.stop().await;
    }
}
