//! The clock that a person or a test can move forward. Everything that takes the time takes it from here.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use shared::clock::{Clock, TimeSource, Timestamp};

/// The machine's time plus what it was moved forward by. All clones tell the same time.
#[derive(Clone, Default)]
pub(crate) struct MovableClock {
    ahead_milliseconds: Arc<AtomicI64>,
}

impl MovableClock {
    /// One that starts at the next noon (UTC): hours and days end long after.
    pub(crate) fn at_noon() -> Self {
        let clock = Self::default();
        let ahead = (12 * 3_600 - clock.now().as_second()).rem_euclid(86_400);
        clock.advance(u32::try_from(ahead).unwrap_or_default());
        clock
    }

    /// Moves the clock forward and returns the new time.
    pub(crate) fn advance(&self, seconds: u32) -> Timestamp {
        self.ahead_milliseconds.fetch_add(i64::from(seconds) * 1000, Ordering::Relaxed);
        self.now()
    }
}

impl TimeSource for MovableClock {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead_milliseconds.load(Ordering::Relaxed);
        let millisecond = Clock::system().now().as_millisecond().saturating_add(ahead);
        Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX)
    }
}

/// So that items expire when the moved clock says so.
impl dynoxide::storage_backend::Clock for MovableClock {
    fn now_unix_secs(&self) -> u64 {
        self.now().as_second().try_into().unwrap_or_default()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.now().as_duration().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_move_together() {
        let clock = MovableClock::default();
        let other = Clock::new(clock.clone());
        let before = other.now();
        assert!(clock.advance(3600) >= before + jiff::SignedDuration::from_hours(1));
        assert!(other.now() >= before + jiff::SignedDuration::from_hours(1));
    }
}
