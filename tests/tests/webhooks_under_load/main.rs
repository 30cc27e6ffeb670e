//! No endpoint delays another: events go to ten endpoints, of which one is dead, one slow and one flapping, and arrive
//! at the others within a minute, as they do where all ten are healthy. None is lost.
//!
//! Everything runs in this process: the API, its table and queues, and the receivers. So events are caused at a pace that
//! the machine keeps; where there is none, as fast as they can be, and how long they take then is shown.

#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

mod endpoints;

use std::collections::HashMap;
use std::fmt;
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
/// How long an event may take to a healthy endpoint.
const MOST: Duration = Duration::from_mins(1);
/// How many people cause the events.
const PEOPLE: usize = 8;
/// How often progress is told.
const TOLD: Duration = Duration::from_secs(5);
/// The times, in seconds, after which what failed is tried again and, in the end, a server that took nothing for five
/// days is switched off.
const LATER: [i64; 4] = [10, 400, 2_400, 5 * 86_400];
/// Longer than anything waits that is then given up.
const AT_LAST: i64 = 2 * 86_400;

/// When the change was made that an event tells of, by the request that made it.
type Commits = HashMap<String, Instant>;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes; `tests/under-load` runs it"]
async fn no_endpoint_delays_another_and_no_event_is_lost() {
    let load =
        Load { events: asked("UNDER_LOAD_EVENTS").unwrap_or(EVENTS), a_second: asked("UNDER_LOAD_RATE") };
    println!("{load} to {ENDPOINTS} healthy endpoints");
    let alone = run(&[], load).await;
    println!("\n{load} to {} healthy endpoints, a dead, a slow and a flapping one", ENDPOINTS - ILL.len());
    let beside = run(&ILL, load).await;
    if load.a_second.is_some() {
        assert!(alone.max(beside) <= MOST, "an event took longer than a minute");
    }
}

/// How many events are caused, and how many of them a second.
#[derive(Clone, Copy)]
struct Load {
    events: usize,
    /// As many as can be, where it is none.
    a_second: Option<usize>,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.a_second {
            Some(a_second) => write!(f, "{} events, {a_second} a second,", self.events),
            None => write!(f, "{} events, as fast as they can be caused,", self.events),
        }
    }
}

/// Tells events to ten endpoints, `ill` among them; the longest that one took to a healthy endpoint.
async fn run(ill: &[Kind], load: Load) -> Duration {
    let system = System::start().await;
    let admin = system.admin().await;
    let people = people(&system).await;
    let servers = servers(&admin, ill).await;
    system.settle().await;
    let begun = Instant::now();
    let (commits, ()) =
        tokio::join!(cause(&people, load, begun), until_healthy_have(&servers, load.events, begun));
    println!("all had arrived at the healthy endpoints after {:.1} s", begun.elapsed().as_secs_f64());
    servers.iter().for_each(Server::becomes_well);
    let pending = finish(&system, ill).await;
    show(&servers, &commits);
    println!("{pending} deliveries are pending");
    assert_eq!((commits.len(), pending), (load.events, 0));
    for server in servers.iter().filter(|it| it.kind != Kind::Dead) {
        assert_eq!(server.latencies(&commits).len(), load.events, "none is lost: {:?}", server.kind);
    }
    system.stop().await;
    let healthy = servers.iter().filter(|it| it.kind == Kind::Healthy);
    healthy.filter_map(|server| server.latencies(&commits).last().copied()).max().unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "how long it may take is known to whoever runs it")]
fn asked(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().filter(|it| !it.is_empty()).map(|number| number.parse().unwrap())
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

/// People change their names until there are as many events as are to be.
async fn cause(people: &[Client], load: Load, begun: Instant) -> Commits {
    let changes = people.iter().enumerate().map(async |(number, person)| {
        let mut commits = Commits::new();
        for turn in (number..load.events).step_by(PEOPLE) {
            if let Some(a_second) = load.a_second {
                let due = Duration::from_secs(turn as u64) / u32::try_from(a_second).unwrap();
                tokio::time::sleep_until((begun + due).into()).await;
            }
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
    system.clean_up().await;
    system.advance(AT_LAST).await;
    system.settle().await;
    system.raw_table().await.index("GSI9").await.len()
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
