//! Erasing accounts whose time has come, page after page. One that cannot be erased holds up no other: it is left for the
//! next run, and the step fails once the others are done.

use futures::StreamExt as _;
use futures::stream;
use shared::App;
use shared::erasure::Cause;
use shared::event::Origin;
use shared::event::details::ErasureReason;
use shared::fault::Fault;
use shared::store::{OverduePage, Place};
use shared::user::User;

use super::Progress;

/// How many are erased at once.
const AT_ONCE: usize = 10;
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

    /// Erases those of `page` that `are_to_go`; the places of those that are still to be erased.
    ///
    /// # Errors
    /// When too many failed.
    pub(crate) async fn go_through(
        &mut self,
        page: OverduePage,
        are_to_go: impl Fn(&User) -> bool,
    ) -> Result<Vec<Place>, Fault> {
        let (app, reason, origin) = (self.app, self.reason, self.origin);
        let (here, is_to_go) = (page.users.into_iter(), &are_to_go);
        let erasing = here.map(|(place, user)| async move {
            let user = match user {
                Ok(user) if is_to_go(&user) => user,
                Ok(_) => return (place, Ok(None)),
                Err(fault) => return (place, Err(fault)),
            };
            let erased = app.erase(&user, Cause::Overdue(reason), origin).await;
            (place, erased.map(|receipt| Some(receipt.is_some())))
        });
        let (mut erased, mut left) = (stream::iter(erasing).buffered(AT_ONCE), Vec::new());
        while let Some((place, outcome)) = erased.next().await {
            self.progress.looked_at += 1;
            match outcome {
                Ok(None) => {}
                Ok(Some(true)) => self.progress.done += 1,
                // They changed meanwhile.
                Ok(Some(false)) => left.push(place),
                Err(fault) => {
                    tracing::error!(user = %place.user, cause = fault.chain(), "an account could not be erased");
                    left.push(place);
                    self.failed += 1;
                    if self.failed > MOST_FAILED {
                        return Err(fault);
                    }
                }
            }
        }
        self.progress.left |= !left.is_empty();
        Ok(left)
    }

    /// What the step did.
    ///
    /// # Errors
    /// When an account failed.
    pub(crate) fn end(self) -> Result<Progress, Fault> {
        if self.failed == 0 {
            return Ok(self.progress);
        }
        let (failed, done) = (self.failed, self.progress.done);
        Err(Fault::broken("erasing accounts", format!("{failed} could not be erased, {done} were")))
    }
}
