//! A queue of SQS: what is put there comes to a function later, at least once, in any order.
//!
//! SQS makes nothing wait longer than 15 minutes. Who has longer to wait says when it is due in the message, and is
//! put back by whoever takes it out too early.

use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::Serialize;

use crate::aws;
use crate::clock::Timestamp;
use crate::fault::Fault;

/// The longest delay of a message, in seconds (SQS API reference, `SendMessage`).
const LONGEST_DELAY: i64 = 900;
/// The most messages of one call (SQS API reference, `SendMessageBatch`).
const MOST_AT_ONCE: usize = 10;

/// Puts messages into one queue. Cheap to clone; the client is made when the first one is put.
#[derive(Clone)]
pub struct Queue {
    aws: SdkConfig,
    url: Arc<str>,
    client: Arc<OnceLock<Client>>,
}

impl Queue {
    /// The queue at `url`, as SQS names it.
    pub fn new(aws: &SdkConfig, url: &str) -> Self {
        Self { aws: aws.clone(), url: url.into(), client: Arc::default() }
    }

    /// `message` comes when it is `due`, or after 15 minutes if that is sooner.
    ///
    /// # Errors
    /// When SQS does not take it; it may have, if no answer came.
    pub async fn put(&self, message: &impl Serialize, due: Timestamp, now: Timestamp) -> Result<(), Fault> {
        let request = self.client().send_message().queue_url(&*self.url).message_body(body(message)?);
        let sent = request.delay_seconds(delay_seconds(due, now)).send().await;
        sent.map(drop).map_err(|error| aws::fault("putting a message into a queue", error))
    }

    /// All of `messages` come at once.
    ///
    /// # Errors
    /// When SQS does not take one of them; it may have taken others.
    pub async fn put_all(&self, messages: &[impl Serialize]) -> Result<(), Fault> {
        for messages in messages.chunks(MOST_AT_ONCE) {
            let mut request = self.client().send_message_batch().queue_url(&*self.url);
            for (index, message) in messages.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder().id(index.to_string());
                let entry = entry.message_body(body(message)?).build();
                request = request.entries(entry.map_err(|error| Fault::broken("making a message", error))?);
            }
            let sent = request.send().await;
            let sent = sent.map_err(|error| aws::fault("putting messages into a queue", error))?;
            if let Some(failed) = sent.failed.first() {
                return Err(Fault::temporary("putting messages into a queue", failed.code.clone()));
            }
        }
        Ok(())
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.aws))
    }
}

fn body(message: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(message).map_err(|error| Fault::broken("writing a message", error))
}

/// How long SQS is to hold back what is `due`: never so short that it comes before.
fn delay_seconds(due: Timestamp, now: Timestamp) -> i32 {
    let milliseconds = due.as_millisecond().saturating_sub(now.as_millisecond());
    let seconds = (milliseconds.saturating_add(999) / 1000).clamp(0, LONGEST_DELAY);
    i32::try_from(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_held_back_until_it_is_due_or_for_a_quarter_of_an_hour() {
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        for (due, delay) in [(0, 0), (1, 1), (5_000, 5), (5_001, 6), (900_000, 900), (86_400_000, 900)] {
            assert_eq!(delay_seconds(at(due), at(0)), delay);
        }
        assert_eq!(delay_seconds(at(0), at(5_000)), 0);
    }
}
