//! The queue: messages that wait, messages that somebody has taken and not finished, and what becomes of those that
//! nobody ever finishes.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use shared::clock::{Clock, Timestamp};

use crate::StartError;
use crate::aws;
use crate::directory::DataDirectory;

/// How long a message that was received stays hidden, in seconds, unless its receiver says otherwise; six times what
/// its function may take (Lambda's advice for queues).
const VISIBILITY_SECONDS: u32 = 180;

/// A message.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    /// Whose messages it is one of.
    #[serde(default)]
    group: String,
    pub(crate) sent_at: Timestamp,
    /// From when on it can be received.
    visible_at: Timestamp,
    /// How often it was.
    received: u32,
    /// Whose it is since the last time; empty before the first.
    pub(crate) receipt: String,
    /// Whether a function of this process has it, see [`Queue::hold`].
    #[serde(skip)]
    is_held: bool,
}

impl Message {
    fn is_visible(&self, now: Timestamp) -> bool {
        self.visible_at <= now && !self.is_held
    }

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
    /// Where the messages are kept.
    file: &'static str,
    /// Where those go that nobody finishes, and after how many receives.
    dead_letters: Option<(Arc<Queue>, u32)>,
    messages: Mutex<Messages>,
}

/// What the queue has.
struct Messages {
    all: Vec<Message>,
    /// No message can be received before: who asks earlier need not look.
    none_before: Timestamp,
}

impl Queue {
    /// The queue at `url`, with the messages that a former process left in it.
    pub(super) fn open(
        url: &str,
        file: &'static str,
        directory: &DataDirectory,
        clock: &Clock,
    ) -> Result<Self, StartError> {
        let all = match directory.read(file)? {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| StartError::corrupt(&directory.path(file).unwrap_or_default(), &error))?,
            None => Vec::new(),
        };
        Ok(Self {
            name: name(url).to_owned(),
            clock: clock.clone(),
            directory: directory.clone(),
            file,
            dead_letters: None,
            messages: Mutex::new(Messages { all, none_before: Timestamp::MIN }),
        })
    }

    /// The queue, whose messages go to `dead_letters` when nobody who receives them so often finishes them.
    pub(super) fn with_dead_letters(self, dead_letters: Arc<Self>, receives: u32) -> Self {
        Self { dead_letters: Some((dead_letters, receives)), ..self }
    }

    /// Whether messages that nobody finishes go to `other`.
    pub(super) fn gives_up_to(&self, other: &Self) -> bool {
        self.dead_letters.as_ref().is_some_and(|(queue, _)| queue.name == other.name)
    }

    /// Gives all messages to `other`, as if they were new there.
    pub(super) fn move_to(&self, other: &Self) -> io::Result<()> {
        for message in self.change(|messages| std::mem::take(&mut messages.all))? {
            other.send(message.body, message.group, 0)?;
        }
        Ok(())
    }

    /// Every message, the oldest first.
    pub(crate) fn all(&self) -> Vec<Message> {
        self.lock().all.clone()
    }

    /// Whether `url` is this queue's, or its ARN; a URL's host is whatever the caller reaches SQS by.
    pub(super) fn is_named(&self, url: &str) -> bool {
        name(url) == self.name
    }

    /// Takes a message in, and returns its id.
    pub(crate) fn send(&self, body: String, group: String, delay_seconds: u32) -> io::Result<String> {
        let (id, sent_at) = (aws::new_id(), self.clock.now());
        let visible_at = sent_at + seconds(delay_seconds);
        let receipt = String::new();
        let message = Message {
            id: id.clone(),
            body,
            group,
            sent_at,
            visible_at,
            received: 0,
            receipt,
            is_held: false,
        };
        self.change(|messages| {
            messages.none_before = messages.none_before.min(visible_at);
            messages.all.push(message);
        })?;
        Ok(id)
    }

    /// Gives out at most `most` messages, and hides each from other receivers for a while.
    pub(super) fn receive(&self, most: usize, visibility: Option<u32>) -> io::Result<Received> {
        let now = self.clock.now();
        if self.lock().none_before > now {
            return Ok(Received { messages: Vec::new(), dead: 0 });
        }
        let most_receives = self.dead_letters.as_ref().map(|(_, receives)| *receives);
        let is_spent = |message: &mut Message| {
            message.is_visible(now) && most_receives.is_some_and(|most| message.received >= most)
        };
        let (dead, messages) = self.change(|messages| {
            let dead: Vec<_> = messages.all.extract_if(.., is_spent).collect();
            let mut received = Vec::new();
            for index in messages.next(most, now) {
                let message = &mut messages.all[index];
                message.received += 1;
                message.receipt = aws::new_id();
                message.visible_at = now + seconds(visibility.unwrap_or(VISIBILITY_SECONDS));
                received.push(message.clone());
            }
            messages.none_before =
                messages.all.iter().map(|it| it.visible_at).min().unwrap_or(Timestamp::MAX);
            (dead, received)
        })?;
        let given_up = dead.len() as u64;
        if let Some((dead_letters, _)) = self.dead_letters.as_ref().filter(|_| given_up > 0) {
            dead_letters.change(|messages| {
                messages.none_before = messages.none_before.min(now);
                messages.all.extend(dead);
            })?;
        }
        Ok(Received { messages, dead: given_up })
    }

    /// Shows `messages` to nobody while a function has them, however the clock is moved: Lambda ends the function before
    /// their time is up.
    pub(super) fn hold(&self, messages: &[Message], is_held: bool) {
        for message in &mut self.lock().all {
            if messages.iter().any(|it| it.receipt == message.receipt) {
                message.is_held = is_held;
            }
        }
    }

    /// Forgets the messages with these receipts. One that has another by now, or is gone, is nobody's error.
    pub(super) fn delete(&self, receipts: &[&str]) -> io::Result<()> {
        self.change(|messages| messages.all.retain(|message| !receipts.contains(&message.receipt.as_str())))
    }

    /// Hides a message for so many seconds from now; `false` if the receipt is not its last one.
    pub(super) fn hide(&self, receipt: &str, for_seconds: u32) -> io::Result<bool> {
        let visible_at = self.clock.now() + seconds(for_seconds);
        self.change(|messages| {
            messages.none_before = messages.none_before.min(visible_at);
            let found = messages.all.iter_mut().find(|it| !it.receipt.is_empty() && it.receipt == receipt);
            found.map(|message| message.visible_at = visible_at).is_some()
        })
    }

    /// How many messages there are now.
    pub(super) fn counts(&self) -> Counts {
        let now = self.clock.now();
        let mut counts = Counts::default();
        for message in &self.lock().all {
            let count = match message {
                it if it.is_visible(now) => &mut counts.visible,
                it if it.received == 0 => &mut counts.delayed,
                _ => &mut counts.in_flight,
            };
            *count += 1;
        }
        counts
    }

    /// Changes the messages, and keeps what they are then.
    fn change<T>(&self, act: impl FnOnce(&mut Messages) -> T) -> io::Result<T> {
        let mut messages = self.lock();
        let outcome = act(&mut messages);
        // Written under the lock, so that the file never holds an older state than one before.
        if self.directory.path(self.file).is_some() {
            self.directory.write(self.file, &serde_json::to_vec(&messages.all)?)?;
        }
        Ok(outcome)
    }

    fn lock(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Messages {
    /// The places of at most `most` messages that can be received: first of the groups that have the fewest in work,
    /// as fair queues do, and of those the oldest.
    fn next(&self, most: usize, now: Timestamp) -> Vec<usize> {
        let mut in_work: HashMap<&str, usize> = HashMap::new();
        for message in self.all.iter().filter(|it| !it.is_visible(now) && it.received > 0) {
            *in_work.entry(&message.group).or_default() += 1;
        }
        let visible = self.all.iter().enumerate().filter(|(_, message)| message.is_visible(now));
        let turn = visible.map(|(index, message)| {
            let before = in_work.entry(&message.group).or_default();
            *before += 1;
            (*before, index)
        });
        let mut turns: Vec<_> = turn.collect();
        if most < turns.len() {
            turns.select_nth_unstable(most);
            turns.truncate(most);
        }
        turns.sort_unstable();
        turns.into_iter().map(|(_, index)| index).collect()
    }
}

fn name(url: &str) -> &str {
    url.rsplit(['/', ':']).next().unwrap_or_default()
}

fn seconds(seconds: u32) -> SignedDuration {
    SignedDuration::from_secs(seconds.into())
}
