//! The system under test, and people who use it: everything goes through HTTP.
//!
//! Each test starts a system of its own, in memory, in a few milliseconds. Where `AWS_ENDPOINT_URL_DYNAMODB`
//! is set, that DynamoDB is used instead of the one in the process.

mod answer;
mod client;
mod operation;
mod receiver;
mod shape;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local::{Admin, Data, Local, Settings};
use reqwest::Method;
use serde_json::{Value, json};

pub use answer::Answer;
pub use client::Client;
pub use operation::{Operation, openapi, operations, with_nobodys_parameters};
pub use receiver::{Received, Receiver};
pub use shape::differences;
pub use table::{PUTS, RawTable, as_stored};

/// The password of everybody in these tests.
pub const PASSWORD: &str = "SecurePass123!";
/// Another good one.
pub const NEW_PASSWORD: &str = "NewSecurePass456!";
/// How often a test waits for a stream that lags behind its table.
const MOST_DRAINS: usize = 40;
/// The first administrator's address.
pub const ADMIN: &str = "root@example.com";

/// A running system.
pub struct System {
    local: Local,
}

impl System {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with these settings.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let overrides: BTreeMap<_, _> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let dynamodb_endpoint = dynamodb_endpoint();
        Self::of(Settings { dynamodb_endpoint, overrides, ..Settings::default() }).await
    }

    /// Starts one whose data outlives it, in a DynamoDB of its own.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_in(directory: &Path) -> Self {
        Self::of(Settings { data: Data::Directory(directory.to_owned()), ..Settings::default() }).await
    }

    async fn of(settings: Settings) -> Self {
        let admin = Some(Admin { email: ADMIN.to_owned(), password: Some(PASSWORD.to_owned()) });
        let settings = Settings { admin, ..settings };
        Self { local: local::start(settings).await.expect("the system starts") }
    }

    /// Stops it, as a deployment or Ctrl-C does.
    pub async fn stop(self) {
        self.local.stop().await;
    }

    /// Somebody who is not signed in, with an address of their own.
    pub fn anybody(&self) -> Client {
        Client::new(&self.local.url)
    }

    /// The first administrator, signed in.
    pub async fn admin(&self) -> Client {
        self.anybody().signed_in(ADMIN, PASSWORD).await
    }

    /// Somebody who registered, verified their address, was approved and signed in.
    pub async fn user(&self, email: &str) -> Client {
        self.approved_by(&self.admin().await, email).await
    }

    async fn approved_by(&self, admin: &Client, email: &str) -> Client {
        let (user, id) = self.verified(email).await;
        admin.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
        user
    }

    /// Somebody who registered, verified their address and signed in, but is not approved; and their id.
    pub async fn verified(&self, email: &str) -> (Client, String) {
        let id = self.register_and_verify(email).await;
        (self.anybody().signed_in(email, PASSWORD).await, id)
    }

    /// Registers an address and verifies it; the account's id.
    pub async fn register_and_verify(&self, email: &str) -> String {
        let registered = self.register(email).await;
        let token = &registered["verification_token"];
        self.anybody().post("/api/v1/auth/verify-email", json!({ "token": token })).await.expect(200);
        registered["user_id"].as_str().unwrap_or_default().to_owned()
    }

    /// Somebody of this role, signed in.
    pub async fn with_role(&self, email: &str, role: &str) -> Client {
        let admin = self.admin().await;
        let user = self.approved_by(&admin, email).await;
        admin.put(&user.admin_path().await, json!({ "role": role })).await.expect(200);
        user
    }

    /// Registers an address; the answer.
    pub async fn register(&self, email: &str) -> Value {
        self.anybody().post("/api/v1/auth/register", registration(email)).await.expect(201)
    }

    /// Moves the system's clock.
    pub async fn advance(&self, seconds: i64) {
        self.anybody().post("/_local/clock", json!({ "advance_seconds": seconds })).await;
    }

    /// Waits until streams and queues have nothing left to do.
    ///
    /// A stream may show a change a moment after the table does: what is waited for is that each event has its
    /// audit record, as far as that comes at all.
    pub async fn drain(&self) {
        for _ in 0..MOST_DRAINS {
            self.anybody().post("/_local/drain", json!({})).await;
            let table = self.anybody().get("/_local/table").await.json();
            let count = |entity: &str| {
                let items = table.as_array().into_iter().flatten();
                items.filter(|item| item["entity"] == entity).count()
            };
            if count("audit") == count("event") {
                break;
            }
        }
        // The other consumers see by now what the audit trail saw.
        self.anybody().post("/_local/drain", json!({})).await;
    }

    /// The mails that went to `email`, oldest first.
    pub async fn mails(&self, email: &str) -> Vec<Value> {
        self.drain().await;
        let outbox = self.anybody().get("/_local/mail").await.expect(200);
        let mails = outbox.as_array().cloned().unwrap_or_default();
        mails.into_iter().filter(|mail| mail["to"] == email).collect()
    }

    /// The newest token with this prefix (`ver_`, `rst_`) that was mailed to `email`.
    ///
    /// # Panics
    /// When there is none.
    pub async fn mailed_token(&self, email: &str, prefix: &str) -> String {
        let mails = self.mails(email).await;
        let texts = mails.iter().rev().filter_map(|mail| mail["text"].as_str());
        let token = texts.into_iter().find_map(|text| {
            let from = text.find(prefix)?;
            text[from..].split_whitespace().next()
        });
        token.unwrap_or_else(|| panic!("a mail to {email} carries a {prefix} token")).to_owned()
    }

    /// Every item of the table.
    pub async fn table(&self) -> Vec<Value> {
        self.drain().await;
        self.anybody().get("/_local/table").await.expect(200).as_array().cloned().unwrap_or_default()
    }

    /// The items of the table that are of this type.
    pub async fn items(&self, entity: &str) -> Vec<Value> {
        self.table().await.into_iter().filter(|item| item["entity"] == entity).collect()
    }

    /// What the table knows of an address; null if nothing.
    pub async fn credential(&self, email: &str) -> Value {
        let key = format!("CRED#{email}");
        self.table().await.into_iter().find(|item| item["PK"] == key).unwrap_or_default()
    }

    /// The events of this type that were told.
    pub async fn events(&self, event_type: &str) -> Vec<Value> {
        self.items("event").await.into_iter().filter(|event| event["type"] == event_type).collect()
    }

    /// Runs the clean-up, as its schedule does; what it reports.
    pub async fn clean_up(&self) -> Value {
        self.anybody().post("/_local/run/scheduled-cleanup", json!({})).await.expect(200)
    }

    /// Orders a fault (`local/src/faults.rs` lists them).
    pub async fn order_fault(&self, fault: Value) {
        self.anybody().post("/_local/faults", fault).await.expect(200);
    }

    /// Cancels the faults that have not struck.
    pub async fn cancel_faults(&self) {
        self.anybody().send(Method::DELETE, "/_local/faults", None).await.expect(200);
    }
}

/// What a person sends to register.
pub fn registration(email: &str) -> Value {
    json!({
        "email": email, "password": PASSWORD, "confirm_password": PASSWORD, "first_name": "John", "last_name": "Doe",
    })
}

/// What a JSON Web Token claims.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "which DynamoDB to test over comes from the test run")]
fn dynamodb_endpoint() -> Option<String> {
    std::env::var("AWS_ENDPOINT_URL_DYNAMODB").ok()
}
