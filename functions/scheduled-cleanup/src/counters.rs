//! The step that counts accounts whose events were given up or are held up, and mends counters that were changed from
//! outside.
//!
//! What it counts is what the event would have counted, and the event finds it done. What the counters say is compared
//! with the sum of what the accounts are counted as, and is mended if nothing was counted meanwhile: in a busy hour the
//! step may not be able to tell, and says so.

use shared::App;
use shared::event::details::CountersReconciled;
use shared::event::{Event, EventType, Origin};
use shared::fault::Fault;
use shared::id::{TenantId, UserId};
use shared::reconciliation::Account;
use shared::store::{Recount, UserCounters};
use shared::tally::{self, Tally};

use super::Progress;

/// Pages of a run. A tenant of more than thirteen thousand accounts is walked in several: each account that a walk passes
/// costs reads, and that its event was lost is so rare that it may be found a few hours later.
const PAGES: usize = 300;
/// How often, in pages, the place of the walk is kept.
const KEPT_EACH: usize = 10;
/// How often the sum is taken anew because something was counted meanwhile.
const SUMS: usize = 5;

/// Goes on with the walk over the accounts, and compares the counters.
pub(crate) async fn reconcile(app: &App, origin: &Origin) -> Result<Progress, Fault> {
    let tenant = TenantId::default_tenant();
    let mut progress = Progress { left: true, ..Progress::default() };
    // What keeps the accounts from being counted keeps the counters from nothing.
    let counted = count_all(app, (&tenant, origin), &mut progress).await;
    mend(app, (&tenant, origin), &mut progress).await?;
    counted.map(|()| progress)
}

/// Goes on with the walk.
async fn count_all(
    app: &App,
    (tenant, origin): (&TenantId, &Origin),
    progress: &mut Progress,
) -> Result<(), Fault> {
    let (mut walk, mut unreadable) = (app.store.walk().await?, None);
    for page in 1..=PAGES {
        let (accounts, next) = app.store.walked(tenant, &walk).await?;
        progress.looked_at += accounts.len();
        progress.left = next.is_some();
        walk = next.unwrap_or_default();
        let (sound, damaged): (Vec<_>, Vec<_>) = accounts.into_iter().partition(|(_, it)| it.is_ok());
        unreadable = damaged.into_iter().filter_map(told_unreadable).last().or(unreadable);
        let sound = sound.into_iter().filter_map(|(_, account)| account.ok()).collect();
        count(app, (tenant, origin), sound, progress).await?;
        if !progress.left {
            break;
        }
        if page % KEPT_EACH == 0 && page < PAGES {
            app.store.keep_walk(&walk).await?;
        }
    }
    app.store.keep_walk(&walk).await?;
    unreadable.map_or(Ok(()), Err)
}

/// The fault that keeps an account from being read, logged: the others are counted, and the step fails.
fn told_unreadable((user, account): (UserId, Result<Account, Fault>)) -> Option<Fault> {
    let fault = account.err()?;
    tracing::error!(%user, cause = fault.chain(), "an account could not be counted");
    Some(fault)
}

/// Counts those of a page whose changes are not counted.
async fn count(
    app: &App,
    (tenant, origin): (&TenantId, &Origin),
    accounts: Vec<Account>,
    progress: &mut Progress,
) -> Result<(), Fault> {
    let now = app.now();
    let overdue = accounts.into_iter().filter_map(|account| {
        let after = account.overdue(now)?;
        Some(Recount { user: account.id, before: account.counted, after })
    });
    let overdue: Vec<Recount> = overdue.collect();
    if overdue.is_empty() {
        return Ok(());
    }
    let mut difference = Tally::new();
    for account in &overdue {
        tally::add(&mut difference, account.difference());
    }
    let event = (!difference.is_empty()).then(|| told(app, (tenant, origin), difference));
    if app.store.recount((tenant, &overdue), event.as_ref(), now).await? {
        progress.done += overdue.len();
        tracing::warn!(accounts = overdue.len(), "accounts were not counted, and are");
    } else {
        // One was counted this moment. The others are found again.
        progress.inconclusive = true;
    }
    Ok(())
}

/// Adds to the counters what they lack.
async fn mend(
    app: &App,
    (tenant, origin): (&TenantId, &Origin),
    progress: &mut Progress,
) -> Result<(), Fault> {
    for _ in 0..SUMS {
        let UserCounters { tally, moves } = app.store.user_counters(tenant).await?;
        let difference = tally::difference(&tally, &app.store.counted_in_all(tenant).await?);
        if difference.is_empty() {
            return Ok(());
        }
        let event = told(app, (tenant, origin), difference.clone());
        if app.store.mend(&difference, moves, &event).await? {
            progress.done += difference.len();
            tracing::warn!(?difference, "the counters had drifted and are mended");
            return Ok(());
        }
    }
    progress.inconclusive = true;
    tracing::warn!("the counters moved each time that they were compared");
    Ok(())
}

fn told(app: &App, (tenant, origin): (&TenantId, &Origin), differences: Tally) -> Event {
    Event::new(EventType::SystemCountersReconciled, origin, app.now())
        .within(tenant)
        .telling(CountersReconciled { differences })
}
