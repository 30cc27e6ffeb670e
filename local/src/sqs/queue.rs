//! The queue: messages that wait, messages that somebody has taken and not finished, and what becomes of those that
//! nobody ever finishes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::{Clock, Timestamp};

use crate::StartError;
use crate::aws;
use crate::directory::{DataDirectory, Journal};
use crate::stream::DeadLetter;

/// Where the messages are kept.
const FILE: &str = "queue.json";
/// How long a message that was received stays hidden, in seconds, unless its receiver says otherwise; six times what
/// its function may take (Lambda's advice for queues).
const VISIBILITY_SECONDS: u32 = 180;
/// How often a message is received before it is a dead letter (`maxReceiveCount`).
const MOST_RECEIVES: u32 = 5;

/// A message.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) sent_at: Timestamp,
    /// From when on it can be received.
    visible_at: Timestamp,
    /// How often it was.
    received: u32,
    /// Whose it is since the last time; empty before the first.
    pub(crate) receipt: String,
}

impl Message {
    /// What SQS tells of a message besides its body.
    pub(crate) fn attributes(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("ApproximateReceiveCount", self.received.to_string()),
            ("SentTimestamp", self.sent_at.as_millisecond().to_string()),
        ])
    }
}

/// What a receiver got.
pub(crate) struct Received {
    pub(crate) messages: Vec<Message>,
    /// How many went to the dead letters instead.
    pub(crate) dead: u64,
}

/// How many messages there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) delayed: usize,
    pub(crate) in_flight: usize,
}

/// The queue.
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    directory: DataDirectory,
    dead_letters: Arc<Journal<DeadLetter>>,
    messages: Mutex<Vec<Message>>,
}

impl Queue {
    /// The queue at `url`, with the messages that a former process left in it.
    pub(crate) fn open(
        url: &str,
        directory: &DataDirectory,
        dead_letters: &Arc<Journal<DeadLetter>>,
        clock: Clock,
    ) -> Result<Arc<Self>, StartError> {
        let messages = match directory.read(FILE)? {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| StartError::corrupt(&directory.path(FILE).unwrap_or_default(), &error))?,
            None => Vec::new(),
        };
        Ok(Arc::new(Self {
            name: name(url).to_owned(),
            clock,
            directory: directory.clone(),
            dead_letters: Arc::clone(dead_letters),
            messages: Mutex::new(messages),
        }))
    }

    /// Whether `url` is this queue's; its host is whatever the caller reaches SQS by.
    pub(super) fn is_named(&self, url: &str) -> bool {
        name(url) == self.name
    }

    /// Takes a message in, and returns its id.
    pub(super) fn send(&self, body: String, delay_seconds: u32) -> io::Result<String> {
        let (id, sent_at) = (aws::new_id(), self.clock.now());
        let visible_at = sent_at + seconds(delay_seconds);
        let message =
            Message { id: id.clone(), body, sent_at, visible_at, received: 0, receipt: String::new() };
        self.change(|messages| messages.push(message))?;
        Ok(id)
    }

    /// Gives out at most `most` messages, and hides each from other receivers for a while.
    pub(super) fn receive(&self, most: usize, visibility: Option<u32>) -> io::Result<Received> {
        let now = self.clock.now();
        if self.counts().visible == 0 {
            return Ok(Received { messages: Vec::new(), dead: 0 });
        }
        let is_spent = |message: &mut Message| message.visible_at <= now && message.received >= MOST_RECEIVES;
        let (dead, messages) = self.change(|messages| {
            let dead: Vec<_> = messages.extract_if(.., is_spent).collect();
            let visible = messages.iter_mut().filter(|message| message.visible_at <= now).take(most);
            let received = visible.map(|message| {
                message.received += 1;
                message.receipt = aws::new_id();
                message.visible_at = now + seconds(visibility.unwrap_or(VISIBILITY_SECONDS));
                message.clone()
            });
            let received = received.collect::<Vec<_>>();
            (dead, received)
        })?;
        for message in &dead {
            self.dead_letters.append(self.dead_letter(message, now))?;
        }
        Ok(Received { messages, dead: dead.len() as u64 })
    }

    /// Forgets the messages with these receipts. One that has another by now, or is gone, is nobody's error.
    pub(super) fn delete(&self, receipts: &[&str]) -> io::Result<()> {
        self.change(|messages| messages.retain(|message| !receipts.contains(&message.receipt.as_str())))
    }

    /// Hides a message for so many seconds from now; `false` if the receipt is not its last one.
    pub(super) fn hide(&self, receipt: &str, for_seconds: u32) -> io::Result<bool> {
        let visible_at = self.clock.now() + seconds(for_seconds);
        self.change(|messages| {
            let found = messages.iter_mut().find(|it| !it.receipt.is_empty() && it.receipt == receipt);
            found.map(|message| message.visible_at = visible_at).is_some()
        })
    }

    /// How many messages there are now.
    pub(super) fn counts(&self) -> Counts {
        let now = self.clock.now();
        let mut counts = Counts::default();
        for message in self.lock().iter() {
            let count = match message {
                it if it.visible_at <= now => &mut counts.visible,
                it if it.received == 0 => &mut counts.delayed,
                _ => &mut counts.in_flight,
            };
            *count += 1;
        }
        counts
    }

    fn dead_letter(&self, message: &Message, now: Timestamp) -> DeadLetter {
        DeadLetter {
            function: self.name.clone(),
            reason: format!("it was received {} times and never finished", message.received),
            failed_at: now,
            record: json!({ "messageId": message.id, "body": message.body }),
        }
    }

    /// Changes the messages, and keeps what they are then.
    fn change<T>(&self, act: impl FnOnce(&mut Vec<Message>) -> T) -> io::Result<T> {
        let mut messages = self.lock();
        let outcome = act(&mut messages);
        // Written under the lock, so that the file never holds an older state than one before.
        self.directory.write(FILE, &serde_json::to_vec(&*messages)?)?;
        Ok(outcome)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

fn seconds(seconds: u32) -> SignedDuration {
    SignedDuration::from_secs(seconds.into())
}
