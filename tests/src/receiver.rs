//! A server that webhooks are sent to, on loopback, and what a receiver does to know that they are ours.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a test waits for requests, on the slowest machine.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a receiver got.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, byte by byte.
    pub body: Bytes,
}

impl Received {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// How many of its signatures are made with `secret` (Standard Webhooks, "Verifying signatures").
    pub fn signatures_of(&self, secret: &str) -> usize {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or_default()).unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let mut signed =
            format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).into_bytes();
        signed.extend_from_slice(&self.body);
        let expected = format!("v1,{}", STANDARD.encode(hmac::sign(&key, &signed)));
        self.header("webhook-signature").split(' ').filter(|signature| **signature == expected).count()
    }
}

/// A server that answers what it is told to, at first, and 204 after that; where it is told to hold its answers, not
/// before it is told to give them.
pub struct Receiver {
    /// Where it is.
    pub url: String,
    log: Arc<Log>,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct Log {
    received: Mutex<Vec<Received>>,
    /// How many these are.
    count: watch::Sender<usize>,
    answers: Mutex<VecDeque<Answer>>,
    /// Whether no answer is given yet.
    held: watch::Sender<bool>,
    /// How many were.
    given: AtomicUsize,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    /// Whether it is given while others are held.
    at_once: bool,
}

impl Receiver {
    /// Starts one.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start() -> Self {
        let log = Arc::<Log>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let router = Router::new().fallback(receive).with_state(Arc::clone(&log));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url: format!("http://{address}/hook"), log, _server: server }
    }

    /// The next requests are answered with these statuses.
    #[must_use]
    pub fn answering(self, statuses: &[u16]) -> Self {
        for status in statuses {
            self.answer(*status, &[]);
        }
        self
    }

    /// A request, after those for which an answer is known, is answered so.
    pub fn answer(&self, status: u16, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        lock(&self.log.answers).push_back(Answer { status, headers, at_once: false });
    }

    /// A request, after those for which an answer is known, is answered so, even while the answers to others are held.
    pub fn answer_at_once(&self, status: u16) {
        lock(&self.log.answers).push_back(Answer { status, headers: Vec::new(), at_once: true });
    }

    /// No request is answered until [`Receiver::release`].
    #[must_use]
    pub fn holding(self) -> Self {
        self.log.held.send_replace(true);
        self
    }

    /// What was held is answered, and what comes is answered at once.
    pub fn release(&self) {
        self.log.held.send_replace(false);
    }

    /// How many requests it has answered.
    pub fn answered(&self) -> usize {
        self.log.given.load(Ordering::Relaxed)
    }

    /// Returns when it has got so many requests.
    ///
    /// # Panics
    /// When they do not come.
    pub async fn got(&self, count: usize) {
        let mut counted = self.log.count.subscribe();
        let all = tokio::time::timeout(PATIENCE, counted.wait_for(|it| *it >= count)).await;
        assert!(all.is_ok(), "{} of {count} requests came", *self.log.count.borrow());
    }

    /// What it got so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.log.received).clone()
    }
}

async fn receive(State(log): State<Arc<Log>>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = lock(&log.answers).pop_front();
    let Answer { status, headers: told, at_once } =
        answer.unwrap_or(Answer { status: 204, headers: Vec::new(), at_once: false });
    lock(&log.received).push(Received { headers, body });
    log.count.send_modify(|count| *count += 1);
    if !at_once {
        let _ = log.held.subscribe().wait_for(|held| !held).await;
    }
    log.given.fetch_add(1, Ordering::Relaxed);
    let mut response = StatusCode::from_u16(status).unwrap_or_default().into_response();
    for (name, value) in told {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
