//! The system under test, and people who use it: everything goes through HTTP.
//!
//! Each test starts a system of its own, in memory, in a few milliseconds. Where `AWS_ENDPOINT_URL_DYNAMODB`
//! is set, that DynamoDB is used instead of the one in the process.

mod answer;
mod client;
mod ledger;
mod operation;
mod receiver;
mod schema;
mod shape;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local::{Admin, Data, Denials, Local, Settings};
use reqwest::Method;
use serde_json::{Value, json};

pub use answer::Answer;
pub use client::Client;
pub use ledger::Ledger;
pub use operation::{Operation, openapi, operations, with_nobodys_parameters};
pub use receiver::{Received, Receiver};
pub use schema::mistakes;
pub use shape::differences;
pub use table::{PUTS, RawTable, as_stored};

/// The password of everybody in these tests.
pub const PASSWORD: &str = "SecurePass123!";
/// Another good one.
pub const NEW_PASSWORD: &str = "NewSecurePass456!";
/// How long a queue hides a message that failed, in seconds, and one more.
pub const HIDDEN: i64 = 181;
/// How often a test waits for a stream that lags behind its table.
const MOST_DRAINS: usize = 40;
/// A POST of each function of the API that has one.
const POSTS: [&str; 7] = [
    "/api/users/register",
    "/api/v1/admin/approve-user",
    "/api/v1/auth/register",
    "/api/v1/bulk/users/validate",
    "/api/v1/gdpr/export/my-data",
    "/api/v1/users",
    "/api/v1/webhooks",
];
/// The first administrator's address.
pub const ADMIN: &str = "root@example.com";

/// A running system. No function may call what its role does not allow: a test in which one did fails at its end.
pub struct System {
    local: Local,
    _denials: NoDenials,
    /// Whether the stream may show a change a moment after the table does: that of a DynamoDB elsewhere.
    lags: bool,
}

/// Looks, when dropped, whether calls were denied.
struct NoDenials(Denials);

impl Drop for NoDenials {
    fn drop(&mut self) {
        let denials = self.0.all();
        // A test that fails says why by itself.
        assert!(denials.is_empty() || std::thread::panicking(), "{}", denials.join("\n"));
    }
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
        Self::of(with(settings)).await
    }

    /// Starts one with these settings, whose functions try each call once: what fails has failed for good.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_without_retries(settings: &[(&str, &str)]) -> Self {
        Self::of(Settings { attempts: 1, ..with(settings) }).await
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
        let lags = settings.dynamodb_endpoint.is_some();
        let settings = Settings { admin, ..settings };
        let local = local::start(settings).await.expect("the system starts");
        Self { _denials: NoDenials(local.denials.clone()), local, lags }
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

    /// Has every function of the API load the keys that it checks and seals with, as one that has served before; the
    /// first administrator, signed in.
    pub async fn warm(&self) -> Client {
        let admin = self.admin().await;
        for path in POSTS {
            // Refused by its handler; before, the token is checked and the body has a fingerprint taken.
            let request = admin.request(Method::POST, path).header("idempotency-key", "warm");
            Answer::of(request.json(&json!({ "format": 0 }))).await.refused(422);
        }
        admin.get("/api/v1/audit/logs?cursor=none").await.refused(400);
        admin.get("/api/v1/health/detailed").await.expect(200);
        admin.get("/api/v1/profile/me").await.expect(200);
        admin
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
    /// Where the stream lags, what is waited for is that each event has its audit record, as far as that comes at all.
    pub async fn drain(&self) {
        if self.lags {
            self.table().await;
        } else {
            self.anybody().post("/_local/drain", json!({})).await;
        }
    }

    /// Waits until streams and queues have nothing left to do, as far as they know: what the stream has yet to show
    /// is not waited for, and the table not looked at.
    pub async fn settle(&self) {
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

    /// Every item of the table, once it is drained.
    pub async fn table(&self) -> Vec<Value> {
        let mut table = self.drained().await;
        if !self.lags {
            return table;
        }
        for _ in 0..MOST_DRAINS {
            // The audit record outlives its event. Their keys end with the same identifier.
            let ids = |entity: &str, key: &str| -> BTreeSet<&str> {
                let items = table.iter().filter(|item| item["entity"] == entity);
                items.filter_map(|item| item[key].as_str()?.rsplit('#').next()).collect()
            };
            if ids("event", "PK").is_subset(&ids("audit", "SK")) {
                break;
            }
            table = self.drained().await;
        }
        // The other consumers see by now what the audit trail saw.
        self.drained().await
    }

    async fn drained(&self) -> Vec<Value> {
        let client = self.anybody();
        client.post("/_local/drain", json!({})).await;
        let Value::Array(table) = client.get("/_local/table").await.expect(200) else { return Vec::new() };
        table
    }

    /// The items of the table that are of this type.
    pub async fn items(&self, entity: &str) -> Vec<Value> {
        self.table().await.into_iter().filter(|item| item["entity"] == entity).collect()
    }

    /// The items of the table that are of this type, as they are now.
    pub async fn items_at_once(&self, entity: &str) -> Vec<Value> {
        let table = self.anybody().get("/_local/table").await.expect(200);
        let items = table.as_array().into_iter().flatten();
        items.filter(|item| item["entity"] == entity).cloned().collect()
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

    /// Has the stream bring again what its consumers gave up, and what was written in a span that is asked for; what it
    /// reports.
    pub async fn replay(&self, asked: Value) -> Answer {
        self.anybody().post("/_local/run/replay-dead-letters", asked).await
    }

    /// What was given up: what functions that streams and queues drive failed again and again.
    pub async fn dead_letters(&self) -> Vec<Value> {
        let letters = self.anybody().get("/_local/dead-letters").await.expect(200);
        letters.as_array().cloned().unwrap_or_default()
    }

    /// What waits in the queues.
    pub async fn queued(&self) -> Vec<Value> {
        let messages = self.anybody().get("/_local/queues").await.expect(200);
        messages.as_array().cloned().unwrap_or_default()
    }

    /// Has SQS move the messages of a queue of dead letters back, as a person does.
    ///
    /// # Panics
    /// When it does not.
    pub async fn move_back(&self, queue: &str) {
        let cloud = self.anybody().get("/_local").await.expect(200);
        let arn =
            format!("arn:aws:sqs:{}:000000000000:{queue}", cloud["region"].as_str().unwrap_or_default());
        let request = reqwest::Client::new().post(cloud["aws_endpoint"].as_str().unwrap_or_default());
        let request = request.header("x-amz-target", "AmazonSQS.StartMessageMoveTask");
        let moved = request.body(json!({ "SourceArn": arn }).to_string()).send().await;
        assert_eq!(moved.expect("SQS answers").status(), 200);
    }

    /// Has the stream serve a consumer as `order` says (`local/src/stream/behaviour.rs`).
    pub async fn order_stream(&self, consumer: &str, order: Value) {
        self.anybody().post(&format!("/_local/streams/{consumer}"), order).await.expect(204);
    }

    /// Orders a fault (`local/src/faults.rs` lists them).
    pub async fn order_fault(&self, fault: Value) {
        self.anybody().post("/_local/faults", fault).await.expect(200);
    }

    /// Cancels the faults that have not struck, and tells what was left of them.
    pub async fn cancel_faults(&self) -> Value {
        self.anybody().send(Method::DELETE, "/_local/faults", None).await.expect(200)
    }
}

fn with(settings: &[(&str, &str)]) -> Settings {
    let overrides: BTreeMap<_, _> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings { dynamodb_endpoint: dynamodb_endpoint(), at_noon: true, overrides, ..Settings::default() }
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
