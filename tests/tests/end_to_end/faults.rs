//! Faults: each call of an endpoint is struck in each way. The client is told the truth, nothing is half
//! done, and the same request again comes to the same end.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Client, NEW_PASSWORD, PASSWORD, System, registration};

/// A request that changes something.
#[derive(Clone, Copy)]
struct Endpoint {
    path: &'static str,
    /// The DynamoDB calls that it makes: the operation, and how many of that come before.
    calls: &'static [(&'static str, u32)],
    /// The event that tells of its change.
    event: &'static str,
    /// The refusal of a request whose change was made before.
    done: &'static str,
}

const REGISTER: Endpoint = Endpoint {
    path: "/api/v1/auth/register",
    calls: &[("TransactWriteItems", 0)],
    event: "user.registered",
    done: "EMAIL_EXISTS",
};
const LOGIN: Endpoint = Endpoint {
    path: "/api/v1/auth/login",
    calls: &[("GetItem", 0), ("GetItem", 1), ("TransactWriteItems", 0)],
    event: "user.login",
    done: "",
};
const REFRESH: Endpoint = Endpoint {
    path: "/api/v1/auth/refresh",
    calls: &[("UpdateItem", 0), ("GetItem", 0)],
    event: "",
    done: "",
};
const VERIFY_EMAIL: Endpoint = Endpoint {
    path: "/api/v1/auth/verify-email",
    calls: &[("GetItem", 0), ("TransactWriteItems", 0)],
    event: "user.verified",
    done: "INVALID_TOKEN",
};
const RESET_PASSWORD: Endpoint = Endpoint {
    path: "/api/v1/auth/reset-password",
    calls: &[("GetItem", 0), ("TransactWriteItems", 0)],
    event: "user.password_changed",
    done: "INVALID_TOKEN",
};
const CHANGE_PASSWORD: Endpoint = Endpoint {
    path: "/api/v1/auth/change-password",
    calls: &[("BatchGetItem", 0), ("GetItem", 0), ("TransactWriteItems", 0)],
    event: "user.password_changed",
    done: "SESSION_ENDED",
};

/// How a call is struck. The SDK's own attempts get over one failure, and not over three.
const STRIKES: [(&str, u32); 7] = [
    ("throttle", 1),
    ("throttle", 3),
    ("error", 1),
    ("error", 3),
    ("error_after_commit", 1),
    ("error_after_commit", 3),
    ("timeout", 3),
];

impl Endpoint {
    /// Somebody of this address who is about to send the request, and its body.
    async fn prepare(self, system: &System, email: &str) -> (Client, Value) {
        let anybody = system.anybody();
        match self.path {
            "/api/v1/auth/register" => (anybody, registration(email)),
            "/api/v1/auth/verify-email" => {
                (anybody, json!({ "token": system.register(email).await["verification_token"] }))
            }
            "/api/v1/auth/reset-password" => {
                system.register(email).await;
                anybody.post("/api/v1/auth/password-reset", json!({ "email": email })).await.expect(200);
                let token = system.mailed_token(email, "rst_").await;
                (anybody, json!({ "token": token, "new_password": NEW_PASSWORD }))
            }
            "/api/v1/auth/login" => {
                system.register_and_verify(email).await;
                (anybody, json!({ "email": email, "password": PASSWORD }))
            }
            _ => {
                let person = system.verified(email).await.0;
                let body = json!({
                    "refresh_token": person.refresh_token, "current_password": PASSWORD,
                    "new_password": NEW_PASSWORD,
                });
                (person, body)
            }
        }
    }
}

/// A system that has its keys loaded.
async fn warm_system() -> System {
    let system = System::start().await;
    system.admin().await.get("/api/v1/auth/me").await.expect(200);
    system
}

/// The events of this type that a table holds.
fn told<'a>(table: &'a [Value], event: &str) -> Vec<&'a Value> {
    table.iter().filter(|item| item["entity"] == "event" && item["type"] == event).collect()
}

/// Whether an event of this type tells of the account of `email`.
fn is_told(table: &[Value], event: &str, email: &str) -> bool {
    let user = table.iter().find(|item| item["entity"] == "user" && item["email"] == email);
    user.is_some_and(|user| told(table, event).iter().any(|event| event["subject"] == user["id"]))
}

/// Addresses are claimed by accounts, each by its own; events tell of changes, each of one.
fn assert_whole(table: &[Value], what: &str) {
    let of = |entity: &str| table.iter().filter(|item| item["entity"] == entity).collect::<Vec<_>>();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let users = of("user");
    let accounts = users.iter().map(|user| (format!("CRED#{}", text(&user["email"])), text(&user["id"])));
    let credentials = of("credential");
    let claims = credentials.iter().map(|claim| (text(&claim["PK"]), text(&claim["user_id"])));
    assert_eq!(accounts.collect::<BTreeSet<_>>(), claims.collect(), "{what}");

    let sum = |field: &str| users.iter().filter_map(|user| user[field].as_u64()).sum::<u64>();
    let verified = users.iter().filter(|user| user["verified_at"].is_string()).count();
    // The first administrator neither registered nor verified.
    assert_eq!(told(table, "user.registered").len(), users.len() - 1, "{what}");
    assert_eq!(told(table, "user.verified").len(), verified - 1, "{what}");
    assert_eq!(told(table, "user.login").len() as u64, sum("login_count"), "{what}");
    assert_eq!(told(table, "user.password_changed").len() as u64, sum("generation"), "{what}");
}

/// Strikes a call of a request of somebody who has this address, and sends the request again.
async fn strike(system: &System, endpoint: Endpoint, fault: &Value, email: &str) {
    let what = format!("{} with {fault}", endpoint.path);
    let (client, body) = endpoint.prepare(system, email).await;
    system.drain().await;
    system.order_fault(fault.clone()).await;
    let answer = client.post(endpoint.path, body.clone()).await;
    system.cancel_faults().await;
    let succeeds = fault["count"] == 1 || (answer.status < 300 && fault["kind"] == "error_after_commit");
    assert_eq!(answer.status / 100, if succeeds { 2 } else { 5 }, "{what}: {}", answer.text);

    let table = system.table().await;
    assert_whole(&table, &what);
    let made = is_told(&table, endpoint.event, email);
    assert!(made || !succeeds || endpoint.event.is_empty(), "{what}: nothing was made");
    let again = client.post(endpoint.path, body).await;
    let settled = again.status < 300 || (made && again.refused(again.status) == endpoint.done);
    assert!(settled, "{what}, again: {}", again.text);
    assert_whole(&system.table().await, &what);
}

async fn strike_everywhere(endpoint: Endpoint) {
    let system = warm_system().await;
    for (operation, skip) in endpoint.calls {
        for (kind, count) in STRIKES {
            let fault = json!({
                "service": "dynamodb", "operation": operation, "skip": skip, "kind": kind, "count": count,
            });
            let email = format!("{operation}-{skip}-{kind}-{count}@example.com").to_lowercase();
            strike(&system, endpoint, &fault, &email).await;
        }
    }
}

#[tokio::test]
async fn a_registration_survives_every_fault() {
    strike_everywhere(REGISTER).await;
}

#[tokio::test]
async fn a_login_survives_every_fault() {
    strike_everywhere(LOGIN).await;
}

#[tokio::test]
async fn a_refresh_survives_every_fault() {
    strike_everywhere(REFRESH).await;
}

#[tokio::test]
async fn a_verification_survives_every_fault() {
    strike_everywhere(VERIFY_EMAIL).await;
}

#[tokio::test]
async fn a_reset_of_a_password_survives_every_fault() {
    strike_everywhere(RESET_PASSWORD).await;
}

#[tokio::test]
async fn a_change_of_a_password_survives_every_fault() {
    strike_everywhere(CHANGE_PASSWORD).await;
}

#[tokio::test]
async fn every_call_of_these_endpoints_is_struck() {
    let system = warm_system().await;
    for (n, endpoint) in
        [REGISTER, LOGIN, REFRESH, VERIFY_EMAIL, RESET_PASSWORD, CHANGE_PASSWORD].into_iter().enumerate()
    {
        let (client, body) = endpoint.prepare(&system, &format!("ada{n}@example.com")).await;
        let answer = client.post(endpoint.path, body).await;
        assert_eq!(
            (answer.status / 100, answer.calls() as usize),
            (2, endpoint.calls.len()),
            "{}",
            endpoint.path
        );
    }
}
