//! A queue of SQS: what is put there comes to a function later, at least once, in any order; what the function fails comes
//! again. Where no event source brings them, messages are taken out by hand.
//!
//! SQS makes nothing wait longer than 15 minutes. Who has longer to wait says when it is due in the message, and is
//! put back by whoever takes it out too early.
//!
//! Each message belongs to a group. Where one has many messages in work, SQS brings those of others first (SQS developer
//! guide, "Amazon SQS fair queues").

use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry,
};
use jiff::SignedDuration;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws;
use crate::fault::Fault;

/// The longest delay of a message, in seconds (SQS API reference, `SendMessage`).
const LONGEST_DELAY: i64 = 900;
/// The most messages of one call (SQS API reference, `SendMessageBatch` and `ReceiveMessage`).
const MOST_AT_ONCE: usize = 10;
/// How long a call waits for messages, in seconds. One that does not wait asks some of the servers only, and may find
/// nothing where there is something (SQS developer guide, "Short and long polling").
const PATIENCE_SECONDS: i32 = 1;

/// What can be put into a queue.
pub trait Grouped: Serialize {
    /// What it belongs to: of 1 to 128 letters, digits and punctuation marks (SQS API reference, `MessageGroupId`).
    fn group(&self) -> String;
}

/// Puts messages into one queue. Cheap to clone; the client is made when the first one is put.
#[derive(Clone)]
pub struct Queue {
    aws: SdkConfig,
    url: Arc<str>,
    client: Arc<OnceLock<Client>>,
}

/// A message that was taken out of a queue.
#[derive(Debug)]
pub struct Taken {
    /// What it says.
    pub body: String,
    receipt: String,
}

/// What `message` says.
///
/// # Errors
/// When nobody understands it.
pub fn read<M: DeserializeOwned>(message: &SqsMessage) -> Result<M, Fault> {
    let body = message.body.as_deref().unwrap_or_default();
    serde_json::from_str(body).map_err(|error| Fault::broken("understanding a message", error))
}

/// What a function answers that took each of `messages` with these results: those that failed come again (Lambda's partial
/// batch response, `ReportBatchItemFailures`).
pub fn answer(messages: &[SqsMessage], results: Vec<Result<(), Fault>>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for (message, result) in messages.iter().zip(results) {
        let Err(fault) = result else { continue };
        tracing::error!(cause = fault.chain(), "a message failed and will come again");
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = message.message_id.clone().unwrap_or_default();
        response.batch_item_failures.push(failure);
    }
    response
}

impl Queue {
    /// The queue at `url`, as SQS names it.
    pub fn new(aws: &SdkConfig, url: &str) -> Self {
        Self { aws: aws.clone(), url: url.into(), client: Arc::default() }
    }

    /// Whether `arn` names this queue, as the event source of a message does.
    pub fn is_named(&self, arn: &str) -> bool {
        arn.rsplit(':').next() == self.url.rsplit('/').next()
    }

    /// `message` comes after `delay`, or after 15 minutes if that is sooner.
    ///
    /// # Errors
    /// When SQS does not take it; it may have, if no answer came.
    pub async fn put<M: Grouped>(&self, message: &M, delay: SignedDuration) -> Result<(), Fault> {
        let request = self.client().send_message().queue_url(&*self.url).message_body(body(message)?);
        let request = request.message_group_id(message.group()).delay_seconds(delay_seconds(delay));
        let sent = request.send().await;
        sent.map(drop).map_err(|error| aws::fault("putting a message into a queue", error))
    }

    /// All of `messages` come at once.
    ///
    /// # Errors
    /// When SQS does not take one of them; it may have taken others.
    pub async fn put_all<M: Grouped>(&self, messages: &[M]) -> Result<(), Fault> {
        for messages in messages.chunks(MOST_AT_ONCE) {
            let mut request = self.client().send_message_batch().queue_url(&*self.url);
            for (index, message) in messages.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder().id(index.to_string());
                let entry = entry.message_body(body(message)?).message_group_id(message.group()).build();
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

    /// Takes some messages out, ten at most, and hides them from others for so many seconds; none if there are none.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn take(&self, hidden_seconds: i32) -> Result<Vec<Taken>, Fault> {
        let request = self.client().receive_message().queue_url(&*self.url);
        let request = request.max_number_of_messages(10).visibility_timeout(hidden_seconds);
        let received = request.wait_time_seconds(PATIENCE_SECONDS).send().await;
        let received = received.map_err(|error| aws::fault("taking messages out of a queue", error))?;
        let taken = received.messages.unwrap_or_default().into_iter();
        Ok(taken.filter_map(|it| Some(Taken { body: it.body?, receipt: it.receipt_handle? })).collect())
    }

    /// The messages are gone for good.
    ///
    /// # Errors
    /// When SQS does not delete one of them; it may have deleted others.
    pub async fn delete(&self, messages: &[Taken]) -> Result<(), Fault> {
        for messages in messages.chunks(MOST_AT_ONCE) {
            let mut request = self.client().delete_message_batch().queue_url(&*self.url);
            for (index, message) in messages.iter().enumerate() {
                let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
                let entry = entry.receipt_handle(&message.receipt).build();
                request = request.entries(entry.map_err(|error| Fault::broken("naming a message", error))?);
            }
            let sent = request.send().await;
            let sent = sent.map_err(|error| aws::fault("deleting messages", error))?;
            if let Some(failed) = sent.failed.first() {
                return Err(Fault::temporary("deleting messages", failed.code.clone()));
            }
        }
        Ok(())
    }

    /// Others can take the messages again, at once.
    ///
    /// # Errors
    /// When SQS does not show one of them; it does so by itself when their time is up.
    pub async fn give_back(&self, messages: &[Taken]) -> Result<(), Fault> {
        for messages in messages.chunks(MOST_AT_ONCE) {
            let mut request = self.client().change_message_visibility_batch().queue_url(&*self.url);
            for (index, message) in messages.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
                let entry = entry.receipt_handle(&message.receipt).visibility_timeout(0).build();
                request = request.entries(entry.map_err(|error| Fault::broken("naming a message", error))?);
            }
            let sent = request.send().await;
            let sent = sent.map_err(|error| aws::fault("giving messages back", error))?;
            if let Some(failed) = sent.failed.first() {
                return Err(Fault::temporary("giving messages back", failed.code.clone()));
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

/// How long SQS is to hold back what comes after `delay`: never so short that it comes before.
fn delay_seconds(delay: SignedDuration) -> i32 {
    let seconds = (delay.as_millis().saturating_add(999) / 1000).clamp(0, LONGEST_DELAY.into());
    i32::try_from(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_held_back_until_it_is_due_or_for_a_quarter_of_an_hour() {
        let delays = [(-5_000, 0), (0, 0), (1, 1), (5_000, 5), (5_001, 6), (900_000, 900), (86_400_000, 900)];
        for (milliseconds, seconds) in delays {
            assert_eq!(delay_seconds(SignedDuration::from_millis(milliseconds)), seconds);
        }
    }

    #[test]
    fn a_queue_knows_the_name_that_its_messages_come_with() {
        let aws = SdkConfig::builder().build();
        let queue = Queue::new(&aws, "https://sqs.eu-central-1.amazonaws.com/123456789012/usher-slow");
        assert!(queue.is_named("arn:aws:sqs:eu-central-1:123456789012:usher-slow"));
        assert!(!queue.is_named("arn:aws:sqs:eu-central-1:123456789012:not-usher-slow"));
    }
}
