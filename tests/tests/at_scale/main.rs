//! What a request costs does not depend on how many accounts there are: each makes the same calls and uses the same
//! capacity in a table of 100 accounts and in one of 100,000.

#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

mod crowd;

use std::time::Instant;

use reqwest::Method;
use serde_json::json;
use tests::{ADMIN, Answer, Client, PASSWORD, System, registration};

const FEW: usize = 100;
const MANY: usize = 100_000;
/// How often a request is made, after once to warm up; the time told is the median's.
const ROUNDS: usize = 5;
/// What a list may be filtered by. A quarter of the accounts, at least, is in each.
const FILTERS: [&str; 4] = ["", "&role=manager", "&is_active=true", "&role=manager&is_active=true"];
/// Whom single requests are about: an account that works.
const SOMEBODY: usize = 40;

/// A request and what it cost.
#[derive(Debug)]
struct Measured {
    name: String,
    /// Calls, read units and write units.
    cost: [String; 3],
    microseconds: u128,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes; `tests/at-scale` runs it"]
async fn a_request_costs_the_same_however_many_accounts_there_are() {
    let (few, many) = (measured_among(FEW).await, measured_among(MANY).await);
    println!("{:52} {:>5} {:>6} {:>6} {:>12} {:>12}", "", "calls", "RCU", "WCU", "ms of 100", "of 100,000");
    for (few, many) in few.iter().zip(&many) {
        let [calls, read, write] = &many.cost;
        let [of_few, of_many] = [few, many].map(|it| it.microseconds / 1_000);
        println!("{:52} {calls:>5} {read:>6} {write:>6} {of_few:>12} {of_many:>12}", many.name);
    }
    for (few, many) in few.iter().zip(&many) {
        assert_eq!((&few.name, &few.cost), (&many.name, &many.cost));
    }
}

/// What requests cost among so many accounts.
async fn measured_among(accounts: usize) -> Vec<Measured> {
    let system = System::start().await;
    let admin = system.admin().await;
    crowd::fill(&system, &admin, accounts).await;
    // It may have taken longer than a token lives.
    let admin = system.admin().await;
    let mut measured = lists(&admin, accounts / 10).await;
    measured.extend(others(&system, &admin).await);
    measured.extend(changes(&system, &admin).await);
    let stats = admin.get("/api/v1/admin/stats").await.expect(200);
    let whole = admin.get("/api/v1/admin/users?limit=1").await;
    assert_eq!(stats["total_users"].to_string(), whole.header("x-total-count"));
    assert!(stats["total_users"].as_u64() > u64::try_from(accounts).ok(), "all are counted");
    measured
}

/// Lists: the first page, the tenth and one `deep` in the list.
async fn lists(admin: &Client, deep: usize) -> Vec<Measured> {
    let mut measured = Vec::new();
    for filter in FILTERS {
        let list = format!("/api/v1/admin/users?limit=2{filter}");
        let cursor = cursor_at(admin, filter, deep).await;
        for (name, path) in [
            ("page 1", list.clone()),
            ("page 10", format!("{list}&page=10")),
            ("deep", format!("{list}&cursor={cursor}")),
        ] {
            let get = async |_| admin.get(&path).await;
            measured.push(measure(&format!("list{filter} {name}"), get).await);
            assert_eq!(admin.get(&path).await.expect(200).as_array().unwrap().len(), 2, "a full page");
        }
    }
    measured
}

/// The cursor that goes on after `deep` rows of a list.
async fn cursor_at(admin: &Client, filter: &str, deep: usize) -> String {
    let limit = deep.min(100);
    let mut cursor = String::new();
    for _ in 0..deep / limit {
        let place = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        let page = admin.get(&format!("/api/v1/admin/users?limit={limit}{filter}{place}")).await;
        page.header("x-next-cursor").clone_into(&mut cursor);
    }
    cursor
}

/// What reads, but lists of accounts; and what changes one that stands there.
async fn others(system: &System, admin: &Client) -> Vec<Measured> {
    let email = crowd::email(SOMEBODY);
    let person = system.anybody().signed_in(&email, PASSWORD).await;
    let user = format!("/api/v1/users/{}", crowd::id(SOMEBODY));
    let rename = |round| json!({ "first_name": (["Ada", "Eve"][round % 2]) });
    let history = format!("/api/v1/audit/logs?limit=2&user_id={}", crowd::id(SOMEBODY));
    vec![
        measure("search, one account", async |_| found(admin, &email, 1).await).await,
        measure("search, ten accounts", async |_| found(admin, "person00004", 10).await).await,
        measure("get a user", async |_| admin.get(&user).await).await,
        measure("update a user", async |round| admin.send(Method::PATCH, &user, Some(rename(round))).await)
            .await,
        measure("stats", async |_| admin.get("/api/v1/admin/stats").await).await,
        measure("login", async |_| system.anybody().login(&email, PASSWORD).await).await,
        measure("login, the administrator", async |_| system.anybody().login(ADMIN, PASSWORD).await).await,
        measure("me", async |_| person.get("/api/v1/auth/me").await).await,
        measure("refresh", async |_| person.refresh(&person.refresh_token).await).await,
        measure("sessions", async |_| person.get("/api/v1/auth/sessions").await).await,
        measure("audit logs", async |_| admin.get("/api/v1/audit/logs?limit=2").await).await,
        measure("audit logs of a type", async |_| {
            admin.get("/api/v1/audit/logs?limit=2&action=user.login").await
        })
        .await,
        measure("audit logs of somebody", async |_| admin.get(&history).await).await,
        measure("export of one's data", async |_| {
            person.post("/api/v1/gdpr/export/my-data", json!({})).await
        })
        .await,
    ]
}

/// What makes accounts, and what becomes of them: each round has some of its own.
async fn changes(system: &System, admin: &Client) -> Vec<Measured> {
    let row = |round, number| {
        let email = format!("row{number}of{round}@example.com");
        json!({ "email": email, "first_name": "Ada", "last_name": "Lovelace" })
    };
    let mut newcomers = Vec::new();
    for round in 0..=ROUNDS {
        newcomers.push(system.register(&format!("newcomer{round}@example.com")).await["user_id"].clone());
    }
    let approval = |round: usize| json!({ "user_id": newcomers[round] });
    let approve = "/api/v1/admin/approve-user";
    vec![
        measure("register", async |round| {
            let form = registration(&format!("another{round}@example.com"));
            system.anybody().post("/api/v1/auth/register", form).await
        })
        .await,
        measure("bulk creation of three users", async |round| {
            let items: Vec<_> = (0..3).map(|number| row(round, number)).collect();
            admin.post("/api/v1/bulk/users/create", json!({ "items": items })).await
        })
        .await,
        measure("approve a user", async |round| admin.post(approve, approval(round)).await).await,
        measure("approve again, with an idempotency key", async |round| {
            let request = admin.request(Method::POST, approve).json(&approval(round));
            Answer::of(request.header("idempotency-key", format!("key{round}"))).await
        })
        .await,
        measure("delete a user", async |round| {
            admin.delete(&format!("/api/v1/admin/users/{}", newcomers[round].as_str().unwrap())).await
        })
        .await,
    ]
}

async fn found(admin: &Client, prefix: &str, count: usize) -> Answer {
    let answer = admin.get(&format!("/api/v1/admin/users?search={prefix}")).await;
    assert_eq!(answer.expect(200).as_array().map(Vec::len), Some(count), "{prefix}");
    answer
}

/// Makes a request again and again, and tells what it costs, which is the same each time.
async fn measure(name: &str, request: impl AsyncFn(usize) -> Answer) -> Measured {
    request(0).await;
    let mut rounds = Vec::new();
    for round in 1..=ROUNDS {
        let begun = Instant::now();
        let answer = request(round).await;
        let microseconds = begun.elapsed().as_micros();
        assert_eq!(answer.status / 100, 2, "{name}: {}", answer.text);
        rounds.push((microseconds, ["calls", "rcu", "wcu"].map(|unit| answer.cost(unit).to_owned())));
    }
    rounds.sort();
    let (microseconds, cost) = rounds.swap_remove(ROUNDS / 2);
    Measured { name: name.to_owned(), cost, microseconds }
}
