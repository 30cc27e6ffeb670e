//! Mending the counters of accounts where they drifted.

use super::Store;
use super::events::outbox;
use super::key::Key;
use super::table::Outcome;
use super::write::Write;
use crate::event::Event;
use crate::fault::Fault;
use crate::reconciliation::Walk;
use crate::tally::Tally;

/// What keeps the place where the walk goes on.
const STEP: &str = "counters";

impl Store {
    /// The walk that was kept last.
    pub async fn walk(&self) -> Result<Option<Walk>, Fault> {
        self.table.get(&Key::clean_up(STEP)).await
    }

    /// The next run goes on with `walk`; where there is a `drift`, it is added to the counters of the event's tenant,
    /// and the event is told. What is added commutes with whatever counts meanwhile.
    ///
    /// Guarded by nobody having kept another walk since this one was read; `false` if somebody did.
    pub async fn keep_walk(&self, walk: &Walk, drift: Option<(&Tally, &Event)>) -> Result<bool, Fault> {
        let place = Write::put(Key::clean_up(STEP), "clean_up", walk)?
            .with("version", walk.version + 1)?
            .only_if("attribute_not_exists(#PK) OR #version = :version")
            .value("version", walk.version)?;
        let mut writes = vec![place];
        if let Some((drift, event)) = drift {
            let counters = Write::update(Key::user_counters(&event.tenant));
            writes.push(drift.iter().fold(counters, |write, (name, by)| write.add(name, *by)));
            writes.push(outbox(event)?);
        }
        Ok(matches!(self.table.transact(writes).await?, Outcome::Written(())))
    }
}
