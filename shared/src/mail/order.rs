//! A message that asks for the mail of an event.

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventType};
use crate::id::EventId;
use crate::queue::Grouped;

/// That a mail is to be sent, and where it stands to whom and what it says. Nothing of the person is in it, not even their
/// id, and no token: what lies in a queue, no erasure reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The event that asks for it.
    pub event: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
}

impl Order {
    /// Of the mail that `event` asks for, if it does.
    pub fn of(event: &Event) -> Option<Self> {
        let is_told = event.mail.is_some() && event.subject.is_some();
        is_told.then_some(Self { event: event.id, event_type: event.event_type })
    }
}

/// So that ten thousand invitations do not keep who forgot a password waiting.
impl Grouped for Order {
    fn group(&self) -> String {
        self.event_type.name().to_owned()
    }
}
