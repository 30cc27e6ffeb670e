//! No endpoint delays another: events go to ten endpoints, of which one is dead, one slow and one flapping, and arrive
//! at the others as they do where all ten are healthy. None is lost.

#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

mod endpoints;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tests::{Client, System};

use endpoints::{Kind, Server};

/// How many events there are, unless `UNDER_LOAD_EVENTS` says otherwise.
const EVENTS: usize = 1_000;
const EVENT: &str = "user.profile_updated";
const ENDPOINTS: usize = 10;
/// Those that are not healthy.
const ILL: [Kind; 3] = [Kind::Dead, Kind::Slow, Kind::Flapping];
/// How many people cause the events.
const PEOPLE: usize = 8;
/// How often progress is told.
const TOLD: Duration = Duration::from_secs(5);
/// The times, in seconds, after which what failed is tried again and, in the end, a server that took nothing for five
/// days is given up.
const LATER: [i64; 4] = [10, 400, 2_400, 5 * 86_400];
/// By how much longer the healthy endpoints may wait beside others than among their like.
const MOST: u32 = 2;

/// When the change was made that an event tells of, by the request that made it.
type Commits = HashMap<String, Instant>;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes; `tests/under-load` runs it"]
async fn no_endpoint_delays_another_and_no_event_is_lost() {
    let events = events();
    println!("{events} events to {ENDPOINTS} healthy endpoints");
    let alone = run(&[], events).await;
    println!(
        "\n{events} events to {} healthy endpoints, a dead, a slow and a flapping one",
        ENDPOINTS - ILL.len()
    );
    let beside = run(&ILL, events).await;
    let [alone_seconds, beside_seconds] = [alone, beside].map(|it| it.as_secs_f64());
    println!(
        "\nall events had arrived at the healthy endpoints after {alone_seconds:.1} s and {beside_seconds:.1} s"
    );
    // A tenth of the attempts less is made at once; what a slow endpoint costs others is a moment.
    assert!(beside < alone * MOST, "the healthy endpoints waited for the others");
}

/// Tells `events` events to ten endpoints, `ill` among them; how long it took until all had arrived at the healthy ones.
async fn run(ill: &[Kind], events: usize) -> Duration {
    let system = System::start().await;
    let admin = system.admin().await;
    let people = people(&system).await;
    let servers = servers(&admin, ill).await;
    system.settle().await;
    let begun = Instant::now();
    let (commits, ()) = tokio::join!(cause(&people, events), until_healthy_have(&servers, events, begun));
    let took = begun.elapsed();
    servers.iter().for_each(Server::becomes_well);
    let pending = finish(&system, ill).await;
    show(&servers, &commits);
    println!("{pending} deliveries are pending");
    assert_eq!((commits.len(), pending), (events, 0));
    for server in servers.iter().filter(|it| it.kind != Kind::Dead) {
        assert_eq!(server.latencies(&commits).len(), events, "none is lost: {:?}", server.kind);
    }
    system.stop().await;
    took
}

#[expect(clippy::disallowed_methods, reason = "how long it may take is known to whoever runs it")]
fn events() -> usize {
    std::env::var("UNDER_LOAD_EVENTS").map_or(EVENTS, |count| count.parse().unwrap())
}

async fn people(system: &System) -> Vec<Client> {
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(system.user(&format!("person{number}@example.com")).await);
    }
    people
}

/// Ten servers with a webhook each.
async fn servers(admin: &Client, ill: &[Kind]) -> Vec<Server> {
    let healthy = std::iter::repeat_n(Kind::Healthy, ENDPOINTS - ill.len());
    let servers = join_all(healthy.chain(ill.iter().copied()).map(Server::start)).await;
    for server in &servers {
        let webhook = json!({ "url": server.url, "events": [EVENT] });
        admin.post("/api/v1/webhooks", webhook).await.expect(201);
    }
    servers
}

/// People change their names until there are `events` events.
async fn cause(people: &[Client], events: usize) -> Commits {
    let changes = people.iter().enumerate().map(async |(number, person)| {
        let mut commits = Commits::new();
        for turn in (number..events).step_by(PEOPLE) {
            let name = json!({ "first_name": (["Ada", "Eve"][turn / PEOPLE % 2]) });
            let answer = person.put("/api/v1/profile/me", name).await;
            answer.expect(200);
            commits.insert(answer.header("x-request-id").to_owned(), Instant::now());
        }
        commits
    });
    join_all(changes).await.into_iter().flatten().collect()
}

/// Returns when all events have arrived at the healthy servers, and tells how far they are until then.
async fn until_healthy_have(servers: &[Server], events: usize, begun: Instant) {
    let healthy = || servers.iter().filter(|it| it.kind == Kind::Healthy);
    let mut all = std::pin::pin!(join_all(healthy().map(|server| server.has(events))));
    let mut progress = tokio::time::interval(TOLD);
    loop {
        tokio::select! {
            _ = &mut all => return,
            _ = progress.tick() => {
                let arrived: usize = healthy().map(|server| *server.log.arrived.borrow()).sum();
                let percent = 100 * arrived / (events * healthy().count());
                println!("{:>6.1} s: {percent:>3} % have arrived", begun.elapsed().as_secs_f64());
            }
        }
    }
}

/// Lets time pass until nothing is pending; how much is nevertheless.
async fn finish(system: &System, ill: &[Kind]) -> usize {
    system.settle().await;
    for seconds in LATER.into_iter().filter(|_| !ill.is_empty()) {
        system.advance(seconds).await;
        system.settle().await;
    }
    system.raw_table().await.count("GSI9", ("GSI9PK", "HOOKS#default#PENDING")).await
}

fn show(servers: &[Server], commits: &Commits) {
    println!(
        "{:10} {:>9} {:>8} {:>6} {:>12} {:>12} {:>12}",
        "endpoint", "delivered", "attempts", "lost", "median", "99 %", "longest"
    );
    for server in servers {
        let latencies = server.latencies(commits);
        let attempts = server.log.attempts.load(Ordering::Relaxed);
        let lost = if server.kind == Kind::Dead { 0 } else { commits.len() - latencies.len() };
        let at = |percent: usize| {
            let place = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
            format!("{:.3} s", latencies.get(place).copied().unwrap_or_default().as_secs_f64())
        };
        println!(
            "{:10} {:>9} {attempts:>8} {lost:>6} {:>12} {:>12} {:>12}",
            format!("{:?}", server.kind).to_lowercase(),
            latencies.len(),
            at(50),
            at(99),
            at(100)
        );
    }
}
