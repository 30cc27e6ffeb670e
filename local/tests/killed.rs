//! A process that is killed half-way: what it took on is done after the next start, to the end and once.

#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

const ROWS: u64 = 5_000;
const ADMIN: &str = "root@example.com";
const PASSWORD: &str = "SecurePass123!";
/// As another system made it: nobody has to be invited.
const HASH: &str = "$2b$04$wvt4oum6rivozO8GTKMT6.Mdxgn7VHsJRbHBTYtC8QRUS4Stuc0jG";

/// Between two looks at an operation, so that looking costs nothing: the process has no way to tell.
const PAUSE: Duration = Duration::from_millis(100);

/// A directory that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The local cloud in a process of its own, which is killed when this is dropped.
struct Process {
    child: Child,
    /// Open as long as the process may write to it.
    _output: BufReader<ChildStdout>,
    url: String,
    http: Client,
    token: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Process {
    /// Starts one on this data, and signs its administrator in.
    async fn start(data: &Path) -> Self {
        let settings =
            [("ADMIN_EMAIL", ADMIN), ("ADMIN_PASSWORD", PASSWORD), ("LOG_LEVEL", "error"), ("PORT", "0")];
        let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
        command.env_clear().envs(settings).env("LOCAL_DATA", data).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let url = line.strip_prefix("API").unwrap().trim().to_owned();
        let mut process = Self { child, _output: output, url, http: Client::new(), token: String::new() };
        let login = json!({ "email": ADMIN, "password": PASSWORD });
        let login = process.http.post(process.at("/api/v1/auth/login")).json(&login);
        let signed_in: Value = answer(login).await.json().await.unwrap();
        signed_in["access_token"].as_str().unwrap().clone_into(&mut process.token);
        process
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn get(&self, path: &str) -> Value {
        answer(self.http.get(self.at(path)).bearer_auth(&self.token)).await.json().await.unwrap()
    }

    /// Hands rows in; where the operation tells how far it is.
    async fn hand_in(&self, rows: String) -> String {
        let request = self.http.post(self.at("/api/v1/bulk/users/create")).bearer_auth(&self.token);
        let accepted = answer(request.header("content-type", "application/x-ndjson").body(rows)).await;
        accepted.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The operation at `location`, once it is as it `should` be.
    async fn operation(&self, location: &str, should: impl Fn(&Value) -> bool) -> Value {
        loop {
            let report = self.get(location).await;
            if should(&report) {
                return report;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.unwrap().error_for_status().unwrap()
}

fn row(number: u64) -> String {
    let email = format!("person{number}@example.com");
    json!({ "email": email, "first_name": "Ada", "last_name": "Lovelace", "password_hash": HASH }).to_string()
}

/// What the items of the table that `are` have as `field`; each of them is another.
fn distinct<'a>(table: &'a [Value], field: &str, are: impl Fn(&Value) -> bool) -> BTreeSet<&'a str> {
    let values: Vec<_> =
        table.iter().filter(|item| are(item)).map(|it| it[field].as_str().unwrap()).collect();
    let distinct: BTreeSet<_> = values.iter().copied().collect();
    assert_eq!(distinct.len(), values.len(), "none stands twice");
    distinct
}

#[tokio::test]
async fn five_thousand_rows_are_as_many_accounts_though_the_process_is_killed_half_way() {
    let data = Scratch::new("killed");
    let process = Process::start(&data.0).await;
    let location = process.hand_in((0..ROWS).map(|it| row(it) + "\n").collect()).await;
    let successful = |report: &Value| report["successful"].as_u64().unwrap();
    process.operation(&location, |report| successful(report) >= ROWS / 3).await;
    drop(process);

    let process = Process::start(&data.0).await;
    let resumed = process.get(&location).await;
    assert!((ROWS / 3..ROWS).contains(&successful(&resumed)), "it was killed half-way: {resumed}");
    let report = process.operation(&location, |report| report["state"] != "running").await;
    let [state, failed, skipped] = ["state", "failed", "skipped"].map(|field| &report[field]);
    assert_eq!(
        (state, successful(&report), failed, skipped),
        (&json!("completed"), ROWS, &json!(0), &json!(0))
    );

    let Value::Array(table) = process.get("/_local/table").await else { unreachable!() };
    let expected: BTreeSet<_> = (0..ROWS).map(|it| format!("person{it}@example.com")).collect();
    let users = distinct(&table, "email", |it| it["entity"] == "user" && it["email"] != ADMIN);
    assert!(users.into_iter().eq(&expected), "each row is an account");
    let credentials = distinct(&table, "user_id", |it| it["entity"] == "credential");
    assert_eq!(credentials.len(), expected.len() + 1, "each account has an address, and no other has");
    assert!(table.iter().all(|item| item["entity"] != "bulk_batch"), "nothing waits any more");
}
