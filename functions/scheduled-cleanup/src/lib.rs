//! The clean-up: what nobody's request does, done once an hour.
//!
//! It is made of steps, a file each and a line in [`handle`]. A step works until it is done or its share of the time is
//! over, and keeps in the table where it goes on, so that it may be cut off, run twice or run beside another. What one
//! leaves undone keeps no other from its work.

mod audit;
mod counters;
mod deleted;
mod deliveries;
mod endpoints;
mod expired;
mod overdue;
mod unverified;

use std::collections::BTreeMap;
use std::time::Duration;

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
use tokio::time::timeout;

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

/// How long a step may work in a run: seven of them are within the function's timeout.
const SHARE: Duration = Duration::from_secs(40);

/// What became of the steps of a run.
#[derive(Debug, Default)]
struct Run {
    report: Report,
    failed: Vec<&'static str>,
    cut_off: Vec<&'static str>,
}

/// Runs every step.
///
/// # Errors
/// When a step failed, after the others ran: Lambda runs all again, and the alarm is told.
pub async fn handle(app: &App, event: LambdaEvent<EventBridgeEvent>) -> Result<Report, Error> {
    let device = Device { ip_address: "127.0.0.1".to_owned(), user_agent: "scheduled-cleanup".to_owned() };
    let origin = Origin::new(event.context.request_id, device);
    // What others wait for and takes little comes first.
    let steps: [(&str, Step); 7] = [
        ("deliveries", deliveries::queue(app).boxed()),
        ("endpoints", endpoints::disable(app, &origin).boxed()),
        ("audit", audit::keep(app).boxed()),
        ("counters", counters::reconcile(app, &origin).boxed()),
        ("deleted", deleted::erase(app, &origin).boxed()),
        ("unverified", unverified::erase(app, &origin).boxed()),
        ("expired", expired::delete(app).boxed()),
    ];
    let Run { report, failed, cut_off } = run(steps, SHARE).await;
    let steps = serde_json::to_string(&report)?;
    tracing::info!(steps, ?failed, ?cut_off, request_id = origin.request_id, "cleaned up");
    if failed.is_empty() { Ok(report) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

/// Runs one step after another, none for longer than its `share`.
async fn run<'a>(steps: impl IntoIterator<Item = (&'static str, Step<'a>)>, share: Duration) -> Run {
    let mut run = Run::default();
    for (name, step) in steps {
        match timeout(share, step).await {
            Ok(Ok(progress)) => drop(run.report.insert(name, progress)),
            Ok(Err(fault)) => {
                tracing::error!(step = name, cause = fault.chain(), "a step failed");
                run.failed.push(name);
            }
            Err(_) => {
                tracing::warn!(step = name, "a step was cut off, and goes on in the next run");
                run.cut_off.push(name);
            }
        }
    }
    run
}

/// The instant so many days before `now`.
fn days_ago(now: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_second(now.as_second() - days * 86_400).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_step_that_takes_all_its_time_or_fails_keeps_no_other_from_its_work() {
        let fault = Fault::broken("cleaning up", "it is broken");
        let steps: [(&str, Step); 3] = [
            ("endless", pending().boxed()),
            ("broken", ready(Err(fault)).boxed()),
            ("last", ready(Ok(Progress { done: 1, ..Progress::default() })).boxed()),
        ];
        let run = run(steps, Duration::ZERO).await;
        assert_eq!((run.cut_off, run.failed), (vec!["endless"], vec!["broken"]));
        assert_eq!((run.report.len(), run.report["last"].done), (1, 1));
    }
}
