//! The clean-up: what nobody's request does, done once an hour.
//!
//! It is made of steps, a file each and a line in [`handle`]. A step does a bounded part of its work and keeps in the
//! table where it goes on, so that it may be cut off, run twice or run beside another. What one leaves undone keeps no
//! other from its work.

mod audit;
mod counters;
mod deleted;
mod deliveries;
mod endpoints;
mod expired;
mod overdue;
mod unverified;

use std::collections::BTreeMap;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::Origin;
use shared::fault::Fault;
use shared::session::Device;

/// What a step did in this run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Progress {
    /// What it looked at.
    pub looked_at: usize,
    /// What it changed.
    pub done: usize,
    /// Whether it goes on in the next run.
    pub left: bool,
    /// Whether something changed so fast that it could not tell what to do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inconclusive: bool,
}

/// What each step did.
pub type Report = BTreeMap<&'static str, Progress>;

type Step<'a> = BoxFuture<'a, Result<Progress, Fault>>;

/// Runs every step.
///
/// # Errors
/// When a step failed, after the others ran: Lambda runs all again, and the alarm is told.
pub async fn handle(app: &App, event: LambdaEvent<EventBridgeEvent>) -> Result<Report, Error> {
    let device = Device { ip_address: "127.0.0.1".to_owned(), user_agent: "scheduled-cleanup".to_owned() };
    let origin = Origin::new(event.context.request_id, device);
    let steps: [(&str, Step); 7] = [
        ("audit", audit::keep(app).boxed()),
        ("counters", counters::reconcile(app, &origin).boxed()),
        ("deleted", deleted::erase(app, &origin).boxed()),
        ("deliveries", deliveries::queue(app).boxed()),
        ("endpoints", endpoints::disable(app, &origin).boxed()),
        ("expired", expired::delete(app).boxed()),
        ("unverified", unverified::erase(app, &origin).boxed()),
    ];
    let (mut report, mut failed) = (Report::new(), Vec::new());
    for (name, step) in steps {
        match step.await {
            Ok(progress) => drop(report.insert(name, progress)),
            Err(fault) => {
                tracing::error!(step = name, cause = fault.chain(), "a step failed");
                failed.push(name);
            }
        }
    }
    let steps = serde_json::to_string(&report)?;
    tracing::info!(steps, ?failed, request_id = origin.request_id, "cleaned up");
    if failed.is_empty() { Ok(report) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

/// The instant so many days before `now`.
fn days_ago(now: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_second(now.as_second() - days * 86_400).unwrap_or(Timestamp::MIN)
}
