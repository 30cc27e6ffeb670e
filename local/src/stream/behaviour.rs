//! How a mapping behaves: well, or by order as badly as Lambda's may, which brings everything at least once and promises
//! no more.

use serde::Deserialize;

/// How a mapping behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Behaviour {
    /// It reads nothing.
    pub(crate) paused: bool,
    /// How often it delivers each batch.
    pub(super) deliveries: u32,
    /// How often it was told to begin anew.
    pub(super) rewinds: u32,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { paused: false, deliveries: 1, rewinds: 0 }
    }
}

/// What a mapping is told, as `POST /_local/streams/{function}` takes it. What is missing stays as it is. That of a queue
/// only knows how to pause.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// Reads nothing, or goes on.
    paused: Option<bool>,
    /// Delivers each batch so often.
    deliveries: Option<u32>,
    /// Goes back to the beginning of the stream.
    #[serde(default)]
    rewind: bool,
}

impl Behaviour {
    /// It obeys `order` from now on.
    pub(super) fn obey(&mut self, order: Order) {
        self.paused = order.paused.unwrap_or(self.paused);
        self.deliveries = order.deliveries.unwrap_or(self.deliveries);
        self.rewinds += u32::from(order.rewind);
    }
}
