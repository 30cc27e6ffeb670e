//! The two lanes that deliveries take, so that no endpoint holds up another: each has a queue of its own, and each
//! queue a share of its own of the function that works both off.
//!
//! A batch of messages lasts as long as the slowest attempt in it. Whoever does not answer, or takes long to, therefore
//! shares batches with nobody but their like; whoever answers well again shares them with all others again.

use std::time::Duration;

/// How long an endpoint may take to answer and be told among the fast ones.
pub const PROMPT: Duration = Duration::from_secs(2);

/// A lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// For endpoints that answer at once.
    Fast,
    /// For those that fail, or let us wait.
    Slow,
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fast, Self::Slow];
}
