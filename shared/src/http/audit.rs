//! Reading the audit trail, which leaves its own trace there: who asked, and what for.

use ::http::HeaderMap;

use super::caller::Permitted;
use super::paging::{List, Page, Position, Window};
use super::problem::Problem;
use crate::app::App;
use crate::audit::Entry;
use crate::event::details::{TrailQuestion, TrailRead};
use crate::event::{Event, EventType};
use crate::fault::Fault;
use crate::store::AuditFilter;

/// How far pages of the audit trail have numbers, in items: such a page is merged from an index partition for each type
/// that is asked for, and each is read as far.
pub const ENTRIES_NUMBERED: usize = 2_500;

/// The part of the audit trail that a request asked for.
#[derive(Clone, Debug)]
pub struct AuditPart {
    /// The headers that lead on.
    pub headers: HeaderMap,
    /// Its entries, newest first.
    pub entries: Vec<Entry>,
    /// Where it stands in the whole.
    pub position: Position,
}

impl<P> Permitted<P> {
    /// The part of the audit trail that `page` asks for, of those entries that `filter` means. It is answered
    /// only once it is told who asked.
    ///
    /// # Errors
    /// 400 `VALIDATION_ERROR` where the cursor is not good.
    pub async fn read_audit(
        &self,
        app: &App,
        (how, filter): (&'static str, &AuditFilter),
        (page, window): (&Page, Window),
    ) -> Result<AuditPart, Problem> {
        let question = serde_json::to_value(filter).map_err(|it| Fault::broken("writing a question", it))?;
        let list = List::of(&self.user, format_args!("{how} {question}"));
        let after: Option<String> = page.after(app, &list).await?;
        let found = app.audit_entries(filter, after.as_deref(), (window.skip, window.limit)).await?;
        self.tell_audit_read(app, how, filter.into()).await?;
        let cursor = list.cursor(app, found.next.as_ref()).await?;
        let position = page.position(window, found.total, cursor.is_some());
        Ok(AuditPart { headers: page.headers(cursor, found.total), entries: found.entries, position })
    }

    /// It is told that the caller reads the audit trail, by `how`, and what they asked for.
    pub async fn tell_audit_read(
        &self,
        app: &App,
        how: &'static str,
        question: TrailQuestion,
    ) -> Result<(), Fault> {
        let event = Event::new(EventType::AuditRead, &self.origin, app.now())
            .by(self.user.id)
            .within(&self.user.tenant)
            .telling(TrailRead { how, question });
        app.store.tell(&event).await
    }
}
