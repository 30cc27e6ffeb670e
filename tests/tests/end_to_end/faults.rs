//! Faults: each call that an operation makes fails in each way. The client is told the truth, nothing is half done,
//! and the same request again comes to the same end.
//!
//! An operation is a row: how to get to the request, and what becomes of one whose change was made before. The rows
//! stand in the files beneath, the machine that strikes them here. A request is sent once without a fault; that tells
//! how many calls it makes and what it changes in the table. With a fault, that has to change as a whole or not at
//! all.

mod accounts;
mod administration;
mod background;
mod bulk;
mod change;
mod idempotency;
mod invariants;
mod reads;
mod users;
mod webhooks;

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, PASSWORD, Receiver, System, openapi};

use change::Change;
use invariants::{assert_nothing_waits, assert_whole};

/// How a call fails.
const KINDS: [&str; 4] = ["throttle", "error", "error_after_commit", "timeout"];
/// How it fails where nobody is told how: before it is carried out, and after.
const MOMENTS: [&str; 2] = ["timeout", "error_after_commit"];
/// More calls than anything makes.
const MANY: u64 = 1_000;
const HOUR: i64 = 3_600;

/// An operation that changes something.
struct Row {
    /// Its method and path, as the OpenAPI document has them, and behind a comma what is special about this row.
    operation: &'static str,
    /// Makes all that the request needs; the number is another one each time.
    prepare: for<'a> fn(&'a Stage, u32) -> BoxFuture<'a, Request>,
    again: Again,
}

/// What becomes of a request whose change was made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// It succeeds and changes nothing.
    Same,
    /// It succeeds and makes such a change once more.
    More,
    /// It does so five minutes later: before, the mail that went out is not sent again.
    Later,
    /// It is refused like this, which tells that the change was made; nothing is changed.
    Refused(u16, &'static str),
    /// It succeeds and makes the rest: this one may be done by half, and says so.
    Rest,
}

/// A request to be sent.
struct Request {
    client: Client,
    path: String,
    body: Option<Value>,
}

impl Request {
    fn new(client: &Client, path: impl Into<String>, body: Value) -> Self {
        Self { client: client.clone(), path: path.into(), body: Some(body) }
    }

    fn without_body(client: &Client, path: impl Into<String>) -> Self {
        Self { client: client.clone(), path: path.into(), body: None }
    }
}

/// A request of an operation.
struct Trial<'a> {
    /// Its method and path, for a message.
    what: &'a str,
    method: Method,
    request: Request,
}

impl Trial<'_> {
    async fn send(&self) -> Answer {
        let Request { client, path, body } = &self.request;
        client.send(self.method.clone(), path, body.clone()).await
    }
}

/// A system that has its keys loaded, its administrator, and a server that takes whatever webhooks bring.
struct Stage {
    system: System,
    admin: Client,
    receiver: Receiver,
}

impl Stage {
    async fn of(system: System) -> Self {
        let admin = system.admin().await;
        admin.get("/api/v1/auth/me").await.expect(200);
        Self { system, admin, receiver: Receiver::start().await }
    }

    /// Makes an account with this address, verified and approved; its id.
    async fn account(&self, email: &str) -> String {
        let form = json!({ "username": email, "password": PASSWORD, "must_change_password": false });
        let account = self.admin.post("/api/v1/users", form).await.expect(201);
        account["user_id"].as_str().unwrap().to_owned()
    }

    /// Somebody who has such an account, signed in.
    async fn somebody(&self, email: &str) -> Client {
        self.account(email).await;
        self.system.anybody().signed_in(email, PASSWORD).await
    }

    /// What the request does to the table, and how many calls it makes.
    async fn rehearse(&self, trial: &Trial<'_>) -> (Change, u64) {
        let what = trial.what;
        let before = self.system.table().await;
        self.system
            .order_fault(json!({ "function": "api", "kind": "error", "count": 1, "skip": MANY }))
            .await;
        let answer = trial.send().await;
        let calls = MANY - self.system.cancel_faults().await[0]["skip"].as_u64().unwrap();
        assert_eq!(answer.status / 100, 2, "{what}: {}", answer.text);
        let after = self.system.table().await;
        assert_whole(&after, what);
        assert_nothing_waits(&after, what);
        (Change::between(&before, &after), calls)
    }

    /// Sends the request while one call fails, and once more; what it was answered first.
    async fn strike(
        &self,
        trial: &Trial<'_>,
        (kind, call): (&str, u64),
        (whole, again): (&Change, Again),
    ) -> Answer {
        let what = format!("{}: {kind} at call {call}", trial.what);
        let before = self.system.table().await;
        self.system.order_fault(json!({ "function": "api", "kind": kind, "count": 1, "skip": call })).await;
        let answer = trial.send().await;
        assert_eq!(self.system.cancel_faults().await, json!([]), "{what}: there is no such call");
        let after = self.system.table().await;
        assert_whole(&after, &what);
        let change = Change::between(&before, &after);
        let may_be = change.is_none() || change == *whole || again == Again::Rest;
        assert!(may_be, "{what} does by half: {change:?} of {whole:?}");
        let is_done = change == *whole;
        assert_honest(&answer, is_done, &what);

        if again == Again::Later {
            self.system.advance(300).await;
        }
        let second = trial.send().await;
        let end = self.system.table().await;
        assert_whole(&end, &what);
        let more = Change::between(&after, &end);
        let is_settled = match again {
            Again::Same if is_done => second.status < 300 && more.is_none(),
            Again::Rest => second.status < 300 && change.and(&more) == *whole,
            Again::Refused(status, code) if is_done => second.refused(status) == code && more.is_none(),
            _ => second.status < 300 && more == *whole,
        };
        assert!(is_settled, "{what}, after {is_done}, again: {} {more:?} {}", second.status, second.text);
        answer
    }
}

impl Row {
    async fn prepared(&self, stage: &Stage, number: u32) -> Trial<'_> {
        let (method, _) = self.operation.split_once(' ').unwrap();
        let request = (self.prepare)(stage, number).await;
        Trial { what: self.operation, method: method.parse().unwrap(), request }
    }

    /// The row's operation, as the document has it.
    fn described(&self) -> &str {
        self.operation.split(',').next().unwrap()
    }

    /// Strikes every call of the operation in these ways.
    async fn strike(&self, stage: &Stage, kinds: &[&str], heals: bool) {
        let what = self.operation;
        // The first one may have to load what the next ones know.
        stage.rehearse(&self.prepared(stage, 0).await).await;
        let (change, calls) = stage.rehearse(&self.prepared(stage, 1).await).await;
        assert_eq!(change.is_none(), what.ends_with("validate"), "{what}: {change:?}");
        let faults = (0..calls).flat_map(|call| kinds.iter().map(move |kind| (*kind, call)));
        for (number, fault) in (2..).zip(faults) {
            let trial = self.prepared(stage, number).await;
            let answer = stage.strike(&trial, fault, (&change, self.again)).await;
            assert!(!heals || answer.status < 300, "{what}: {fault:?} is got over: {}", answer.text);
        }
        // A request that failed may have left a delivery that no message leads to.
        stage.system.advance(HOUR).await;
        stage.system.clean_up().await;
        stage.system.drain().await;
        assert_nothing_waits(&stage.system.table().await, what);
    }
}

/// Strikes all of these operations: without the SDK's retries in every way, for good; with them so that the answer of
/// a call that was carried out is lost, which they get over.
async fn strike_all(rows: &[Row]) {
    for row in rows {
        row.strike(&Stage::of(System::start_without_retries(&[]).await).await, &KINDS, false).await;
        row.strike(&Stage::of(System::start().await).await, &["error_after_commit"], true).await;
    }
}

/// A success means that it is done; otherwise we say that we are busy, and that trying again is worth while.
fn assert_honest(answer: &Answer, is_done: bool, what: &str) {
    match answer.status {
        200..300 => assert!(is_done, "{what} says what is not: {}", answer.text),
        status => {
            assert_eq!(status, 503, "{what}: {}", answer.text);
            assert_eq!(answer.refused(503), "SERVICE_UNAVAILABLE", "{what}");
            assert_ne!(answer.header("retry-after"), "", "{what}");
        }
    }
}

#[test]
fn every_operation_that_changes_something_has_a_row() {
    let document = openapi();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys().map(|method| method.to_uppercase());
        described.extend(methods.filter(|it| it != "GET").map(|method| format!("{method} {path}")));
    }
    let others = [administration::ROWS, bulk::ROWS, users::ROWS, webhooks::ROWS];
    let rows = accounts::ROWS.into_iter().chain(others).flatten().map(|row| row.described().to_owned());
    assert_eq!(described, rows.collect());
}
