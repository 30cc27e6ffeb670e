//! The time, as the system takes it: from [`Clock`], never from the machine behind its back.
//!
//! A clock is handed in with [`crate::App`], so that a test, or a person at the local cloud, can move it.

use std::sync::Arc;

pub use jiff::Timestamp;

/// Where a [`Clock`] takes the time from.
pub trait TimeSource: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's own time.
struct SystemTime;

impl TimeSource for SystemTime {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the machine's time comes in")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The clock of an [`crate::App`]. Cheap to clone; all clones tell the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// A clock that tells the machine's time.
    pub fn system() -> Self {
        Self::new(SystemTime)
    }

    /// A clock that takes the time from `source`.
    pub fn new(source: impl TimeSource + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// The present instant, in whole milliseconds: the precision in which every time is stored and shown.
    pub fn now(&self) -> Timestamp {
        let millisecond = self.0.now().as_millisecond();
        Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX)
    }
}
