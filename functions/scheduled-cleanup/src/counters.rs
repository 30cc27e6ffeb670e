//! The step that counts the accounts anew and mends the counters where they drifted: an event that was given up was
//! never counted, one that was replayed after that was counted twice.
//!
//! A walk over the list says something only if nothing changes meanwhile. Even so, a change may be under way to the
//! counters. A difference is a drift when two walks in a row find it.

use shared::App;
use shared::event::details::CountersReconciled;
use shared::event::{Event, EventType, Origin};
use shared::fault::Fault;
use shared::id::TenantId;
use shared::reconciliation::{Finding, Walk};
use shared::store::{Filter, UserPage};

use super::Progress;

/// Accounts of a page.
const PAGE: usize = 100;
/// Pages of a run: a minute's work. A larger tenant is walked in several.
const PAGES: usize = 1_000;

/// Goes on with the walk; at its end the counters are what the accounts are, if twice they were not.
pub(crate) async fn reconcile(app: &App, origin: &Origin) -> Result<Progress, Fault> {
    let tenant = TenantId::default_tenant();
    let before = app.store.walk().await?;
    let mut walk = match &before {
        Some(walk) if walk.is_under_way() => walk.clone(),
        _ => Walk::begun(app.store.user_counters(&tenant).await?, before.as_ref()),
    };
    let filter = Filter { tenant, role: None, status: None };
    let mut progress = Progress { left: true, ..Progress::default() };
    for _ in 0..PAGES {
        let UserPage { users, next } = app.store.list_users(&filter, walk.after(), (0, PAGE)).await?;
        progress.looked_at += users.len();
        progress.left = next.is_some();
        walk.pass(&users, next);
        if !progress.left {
            break;
        }
    }
    let (walk, drift) = if progress.left {
        (walk, None)
    } else {
        match walk.compare(&app.store.user_counters(&filter.tenant).await?, app.now()) {
            Finding::Sound => (walk.ended(None), None),
            Finding::Suspected(difference) => (walk.ended(Some(difference)), None),
            Finding::Drifted(difference) => (walk.ended(None), Some(difference)),
        }
    };
    let event = drift.as_ref().map(|drift| {
        Event::new(EventType::SystemCountersReconciled, origin, app.now())
            .within(&filter.tenant)
            .telling(CountersReconciled { differences: drift.clone() })
    });
    let kept = app.store.keep_walk(&walk, drift.as_ref().zip(event.as_ref())).await?;
    if let Some(drift) = drift.filter(|_| kept) {
        progress.done = drift.len();
        tracing::warn!(differences = ?drift, "the counters had drifted and are mended");
    }
    Ok(progress)
}
