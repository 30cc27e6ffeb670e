//! Refusals for want of rights are told, so that auditors see who tries what they may not.
//!
//! Each person's first twenty of an hour are: whoever sends a thousand requests fills no table. The refusal is answered
//! whether it could be told or not.

use std::time::Duration;

use super::problem::Problem;
use super::request::Known;
use crate::app::App;
use crate::event::details::AccessRefused;
use crate::event::{Event, EventType};

/// The code of these refusals.
pub(super) const CODE: &str = "INSUFFICIENT_PERMISSIONS";
/// How long a refusal waits for its event.
const PATIENCE: Duration = Duration::from_secs(5);

/// It is told that somebody was refused at `route` by `problem`, if they were not too often in this hour. The route is
/// the one that is described, which holds nothing of what clients put into paths.
pub(super) async fn tell(app: &App, known: &Known, (route, problem): (String, &Problem)) {
    let permission = problem.details().first().and_then(|detail| detail.get("permission")).cloned();
    let event = Event::new(EventType::SecurityAccessDenied, &known.origin, app.now())
        .by(known.user)
        .within(&known.tenant)
        .telling(AccessRefused { route, permission });
    match tokio::time::timeout(PATIENCE, app.store.tell_denial(known.user, &event)).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => tracing::error!(cause = fault.chain(), "a refusal could not be told"),
        Err(_) => tracing::error!("a refusal could not be told in time"),
    }
}
