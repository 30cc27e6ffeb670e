//! What this process has served since it started. On Lambda each instance counts for itself; the sum over all
//! is among the metrics of `CloudWatch`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

/// Counts requests.
pub struct Traffic {
    started: Instant,
    requests: AtomicU64,
    errors: AtomicU64,
    open: AtomicU64,
    microseconds: AtomicU64,
}

/// Figures about the requests served.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Figures {
    /// Requests a minute, since the start.
    pub requests_per_minute: f64,
    /// Requests that are being served now, this one included.
    pub active_connections: u64,
    /// Share of answers with a status from 500 up, 0 to 1.
    pub error_rate: f64,
    /// Milliseconds from a request to its answer, on average.
    pub average_response_time: f64,
}

impl Default for Traffic {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self { started: Instant::now(), requests: zero(), errors: zero(), open: zero(), microseconds: zero() }
    }
}

/// A request that is being served, or whose client left before it was.
pub(crate) struct Open<'a>(&'a Traffic);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl Traffic {
    /// For how long the process has been running.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// A request came; it is being served for as long as the guard lives.
    pub(crate) fn open(&self) -> Open<'_> {
        self.open.fetch_add(1, Relaxed);
        Open(self)
    }

    /// A request was answered after `time`, well or badly.
    pub(crate) fn answered(&self, time: Duration, failed: bool) {
        self.requests.fetch_add(1, Relaxed);
        self.errors.fetch_add(u64::from(failed), Relaxed);
        self.microseconds.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// What was served so far.
    #[expect(clippy::cast_precision_loss, reason = "these are averages")]
    pub fn figures(&self) -> Figures {
        let requests = self.requests.load(Relaxed) as f64;
        let each = |sum: f64| if requests > 0.0 { sum / requests } else { 0.0 };
        Figures {
            requests_per_minute: requests / (self.uptime().as_secs_f64() / 60.0).max(1.0 / 60.0),
            active_connections: self.open.load(Relaxed),
            error_rate: each(self.errors.load(Relaxed) as f64),
            average_response_time: each(self.microseconds.load(Relaxed) as f64 / 1000.0),
        }
    }
}
