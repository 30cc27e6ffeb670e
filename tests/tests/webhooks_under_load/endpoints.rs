//! Servers that webhooks are sent to: they note when each event arrived, and nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Nothing listens here: the port of the discard protocol, which no system serves any more.
const NOBODY: &str = "http://127.0.0.1:9/";

/// How a server treats what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It takes everything at once.
    Healthy,
    /// It is not there.
    Dead,
    /// It lets everybody wait for longer than the system does.
    Slow,
    /// It refuses every third request.
    Flapping,
}

/// A server.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) log: Arc<Log>,
    _running: JoinSet<()>,
}

/// What it knows.
pub(crate) struct Log {
    kind: Kind,
    /// Whether it has become healthy.
    well: watch::Sender<bool>,
    pub(crate) attempts: AtomicUsize,
    /// When it first took what tells of a request, by the request's id.
    arrivals: Mutex<HashMap<String, Instant>>,
    /// How many these are.
    pub(crate) arrived: watch::Sender<usize>,
}

/// What is read of a message.
#[derive(Deserialize)]
struct Message {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    request_id: String,
}

impl Server {
    pub(crate) async fn start(kind: Kind) -> Self {
        let log = Arc::new(Log {
            kind,
            well: watch::Sender::new(kind == Kind::Healthy),
            attempts: AtomicUsize::new(0),
            arrivals: Mutex::default(),
            arrived: watch::Sender::new(0),
        });
        let mut running = JoinSet::new();
        let url = if kind == Kind::Dead {
            NOBODY.to_owned()
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            let router = Router::new().fallback(receive).with_state(Arc::clone(&log));
            running.spawn(async move { axum::serve(listener, router).await.unwrap() });
            url
        };
        Self { kind, url, log, _running: running }
    }

    /// It takes everything from now on.
    pub(crate) fn becomes_well(&self) {
        self.log.well.send_replace(true);
    }

    /// Returns when so many events have arrived.
    pub(crate) async fn has(&self, events: usize) {
        let mut arrived = self.log.arrived.subscribe();
        arrived.wait_for(|count| *count >= events).await.unwrap();
    }

    /// How long each of these events took to arrive here, the shortest first; those that did not are left out.
    pub(crate) fn latencies(&self, commits: &HashMap<String, Instant>) -> Vec<Duration> {
        let arrivals = self.log.arrivals.lock().unwrap();
        let latency = |(request, commit): (&String, &Instant)| {
            // What arrives while the answer to the change is on its way has taken no time.
            arrivals.get(request).map(|arrival| arrival.saturating_duration_since(*commit))
        };
        let mut latencies: Vec<_> = commits.iter().filter_map(latency).collect();
        latencies.sort();
        latencies
    }
}

async fn receive(State(log): State<Arc<Log>>, body: Bytes) -> StatusCode {
    let number = log.attempts.fetch_add(1, Ordering::Relaxed);
    let well = *log.well.borrow();
    match log.kind {
        Kind::Flapping if !well && number % 3 == 0 => return StatusCode::SERVICE_UNAVAILABLE,
        Kind::Slow => drop(log.well.subscribe().wait_for(|well| *well).await),
        _ => {}
    }
    let message: Message = serde_json::from_slice(&body).unwrap();
    let mut arrivals = log.arrivals.lock().unwrap();
    arrivals.entry(message.data.request_id).or_insert_with(Instant::now);
    log.arrived.send_replace(arrivals.len());
    StatusCode::NO_CONTENT
}
