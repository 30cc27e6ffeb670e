//! Erasing accounts whose time has come, page after page. One that cannot be erased holds up no other: it is left for the
//! next run, and the step fails once the others are done.

use shared::App;
use shared::erasure::Cause;
use shared::event::Origin;
use shared::event::details::ErasureReason;
use shared::fault::Fault;
use shared::store::{OverduePage, Place};
use shared::user::User;

use super::Progress;

/// Pages of a run.
pub(crate) const PAGES: usize = 100;
/// The most accounts that may fail in a run. Where so many do, it is not they that are broken.
const MOST_FAILED: usize = 100;

/// What a step erases, and how far it is.
pub(crate) struct Erasures<'a> {
    app: &'a App,
    reason: ErasureReason,
    origin: &'a Origin,
    progress: Progress,
    failed: usize,
}

impl<'a> Erasures<'a> {
    /// None yet.
    pub(crate) fn new(app: &'a App, reason: ErasureReason, origin: &'a Origin) -> Self {
        Self { app, reason, origin, progress: Progress::default(), failed: 0 }
    }

    /// Erases those of `page` that `are_to_go`. The last place up to which, in this page and all before it, none is left
    /// to be erased, if that is one of this page.
    ///
    /// # Errors
    /// When too many failed.
    pub(crate) async fn go_through(
        &mut self,
        page: OverduePage,
        are_to_go: impl Fn(&User) -> bool,
    ) -> Result<Option<Place>, Fault> {
        let mut passed = None;
        for (place, user) in page.users {
            self.progress.looked_at += 1;
            match self.erase(user, &are_to_go).await {
                Ok(is_done) => self.progress.left |= !is_done,
                Err(fault) => {
                    tracing::error!(cause = fault.chain(), "an account could not be erased");
                    self.failed += 1;
                    self.progress.left = true;
                    if self.failed > MOST_FAILED {
                        return Err(fault);
                    }
                }
            }
            if !self.progress.left {
                passed = Some(place);
            }
        }
        Ok(passed)
    }

    /// Whether nothing is left to do with `user`: they are erased, or not to go. It is, if they changed meanwhile.
    async fn erase(
        &mut self,
        user: Result<User, Fault>,
        are_to_go: impl Fn(&User) -> bool,
    ) -> Result<bool, Fault> {
        let user = user?;
        if !are_to_go(&user) {
            return Ok(true);
        }
        let is_erased = self.app.erase(&user, Cause::Overdue(self.reason), self.origin).await?.is_some();
        self.progress.done += usize::from(is_erased);
        Ok(is_erased)
    }

    /// What the step did; `more` if there are pages that it did not come to.
    ///
    /// # Errors
    /// When an account failed.
    pub(crate) fn end(mut self, more: bool) -> Result<Progress, Fault> {
        self.progress.left |= more;
        if self.failed == 0 {
            return Ok(self.progress);
        }
        let (failed, done) = (self.failed, self.progress.done);
        Err(Fault::broken("erasing accounts", format!("{failed} could not be erased, {done} were")))
    }
}
