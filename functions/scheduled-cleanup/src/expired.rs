//! The step that deletes what expired two days ago and is still there: sessions, idempotency keys, events, all that has an
//! `expires_at`. Whoever reads such an item asks for its time, where that makes a difference; it only takes space.
//!
//! The table's time to live does that for nothing, most often within two days, but promises no time. So a step goes
//! through a part of the table each hour, and through all of it in a day, or in some days where the table is so large that
//! its share of the time does not suffice for such a part.

use futures::future::try_join_all;
use shared::App;
use shared::fault::Fault;
use shared::store::Segment;

use super::Progress;

/// How many parts the table has: of one of 10 GB, each is a few seconds' work.
const SEGMENTS: u32 = 480;
/// Parts of a run.
const PART: u32 = SEGMENTS / 24;
/// How long the table's time to live is given, in days.
const DAYS: i64 = 2;
/// How many items are deleted at once.
const AT_ONCE: usize = 25;

/// Goes through the next part of the table.
pub(crate) async fn delete(app: &App) -> Result<Progress, Fault> {
    let time = super::days_ago(app.now(), DAYS);
    let first = app.store.expiry_place().await?.map_or(0, |last| last.number + 1);
    let mut progress = Progress::default();
    for number in first..first + PART {
        let segment = Segment { number: number % SEGMENTS, of: SEGMENTS };
        let keys = app.store.expired_before(time, segment).await?;
        progress.looked_at += keys.len();
        for keys in keys.chunks(AT_ONCE) {
            let gone = try_join_all(keys.iter().map(|key| app.store.forget(key, time))).await?;
            progress.done += gone.into_iter().filter(|gone| *gone).count();
        }
        app.store.keep_expiry_place(segment).await?;
    }
    Ok(progress)
}
