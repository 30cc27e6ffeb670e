//! Amazon SQS: standard queues with delays, visibility timeouts, fairness and dead letters, by the AWS JSON protocol,
//! and the event source mapping that brings the messages of one to a function.
//!
//! Dead letters are moved back at once, and those of two queues to the first of them.
//!
//! What is kept is the messages; checksums, attributes of messages and long polling are left out. Errors have the
//! names that the SDK's clients know, which on AWS come beside those of the protocol (`x-amzn-query-error`).

mod mapping;
mod queue;

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Clock;

pub(crate) use mapping::{QueueConsumer, run};
pub(crate) use queue::{Message, Queue};

use crate::StartError;
use crate::aws::{self, AwsError};
use crate::directory::DataDirectory;
use crate::settings::{
    DEAD_LETTER_QUEUE_URL, MAIL_DEAD_LETTER_QUEUE_URL, MAIL_QUEUE_URL, WEBHOOK_DEAD_LETTER_QUEUE_URL,
    WEBHOOK_QUEUE_URL, WEBHOOK_SLOW_QUEUE_URL,
};

/// The most messages of one call (SQS API reference).
const MOST_AT_ONCE: usize = 10;
/// The longest delay of a message, in seconds (SQS API reference, `SendMessage`).
const LONGEST_DELAY: u32 = 900;
/// How often a message is received before it is a dead letter (`maxReceiveCount` in the template).
const MAIL_RECEIVES: u32 = 20;
const WEBHOOK_RECEIVES: u32 = 5;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueName {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage {
    message_body: String,
    #[serde(default)]
    message_group_id: String,
    #[serde(default)]
    delay_seconds: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    entries: Vec<Entry<T>>,
}

#[derive(Deserialize)]
struct Entry<T> {
    #[serde(rename = "Id")]
    id: String,
    #[serde(flatten)]
    content: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveMessage {
    #[serde(default = "one")]
    max_number_of_messages: usize,
    visibility_timeout: Option<u32>,
}

fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receipt {
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Visibility {
    receipt_handle: String,
    visibility_timeout: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MoveTask {
    source_arn: String,
}

/// The queues that the template has. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Queues {
    /// Mails.
    mails: Arc<Queue>,
    /// Those of them that were given up.
    mail_dead_letters: Arc<Queue>,
    /// Webhook deliveries.
    webhooks: Arc<Queue>,
    /// Those to servers that fail or are slow.
    slow_webhooks: Arc<Queue>,
    /// Those of them that were never finished.
    webhook_dead_letters: Arc<Queue>,
    /// What the stream's consumers gave up.
    pub(crate) dead_letters: Arc<Queue>,
}

impl Queues {
    /// The queues, with the messages that a former process left in them.
    pub(crate) fn open(directory: &DataDirectory, clock: &Clock) -> Result<Self, StartError> {
        let dead_letters = Queue::open(DEAD_LETTER_QUEUE_URL, "dead-letters.json", directory, clock)?.into();
        let file = "mail-dead-letters.json";
        let unsent: Arc<_> = Queue::open(MAIL_DEAD_LETTER_QUEUE_URL, file, directory, clock)?.into();
        let mails = Queue::open(MAIL_QUEUE_URL, "mail-queue.json", directory, clock)?;
        let mails = mails.with_dead_letters(Arc::clone(&unsent), MAIL_RECEIVES).into();
        let file = "webhook-dead-letters.json";
        let undelivered: Arc<_> = Queue::open(WEBHOOK_DEAD_LETTER_QUEUE_URL, file, directory, clock)?.into();
        let webhooks = Queue::open(WEBHOOK_QUEUE_URL, "queue.json", directory, clock)?;
        let webhooks = webhooks.with_dead_letters(Arc::clone(&undelivered), WEBHOOK_RECEIVES).into();
        let slow = Queue::open(WEBHOOK_SLOW_QUEUE_URL, "slow-queue.json", directory, clock)?;
        let slow_webhooks = slow.with_dead_letters(Arc::clone(&undelivered), WEBHOOK_RECEIVES).into();
        let (mail_dead_letters, webhook_dead_letters) = (unsent, undelivered);
        Ok(Self { mails, mail_dead_letters, webhooks, slow_webhooks, webhook_dead_letters, dead_letters })
    }

    /// The queue of this name, URL or ARN.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Queue>> {
        let given_up = [&self.mail_dead_letters, &self.webhook_dead_letters, &self.dead_letters];
        let mut all = [&self.mails, &self.webhooks, &self.slow_webhooks].into_iter().chain(given_up);
        all.find(|queue| queue.is_named(name))
    }

    /// Answers a call of `operation`.
    pub(crate) fn call(&self, operation: &str, body: &[u8]) -> Result<Value, AwsError> {
        let is_move = operation == "StartMessageMoveTask";
        let name = if is_move {
            aws::parse::<MoveTask>(body)?.source_arn
        } else {
            aws::parse::<QueueName>(body)?.queue_url
        };
        let Some(queue) = self.named(&name) else {
            return Err(AwsError::bad_request(
                "AWS.SimpleQueueService.NonExistentQueue",
                "The specified queue does not exist.",
            ));
        };
        if is_move { self.move_back(queue) } else { queue.call(operation, body) }
    }

    /// Moves the messages of a queue of dead letters back to where they came from.
    fn move_back(&self, dead_letters: &Queue) -> Result<Value, AwsError> {
        let sources = [&self.mails, &self.webhooks, &self.slow_webhooks];
        let Some(source) = sources.into_iter().find(|it| it.gives_up_to(dead_letters)) else {
            let message = "Source queue must be configured as a Dead Letter Queue.";
            return Err(AwsError::bad_request("InvalidParameterValue", message));
        };
        dead_letters.move_to(source).map_err(|error| not_kept(&error))?;
        Ok(json!({ "TaskHandle": aws::new_id() }))
    }

    /// The messages that wait, for a person to look at.
    pub(crate) fn waiting(&self) -> Vec<Value> {
        [&self.mails, &self.webhooks, &self.slow_webhooks].into_iter().flat_map(|it| shown(it)).collect()
    }

    /// The messages that were given up, for a person to look at.
    pub(crate) fn given_up(&self) -> Vec<Value> {
        let given_up = [&self.dead_letters, &self.mail_dead_letters, &self.webhook_dead_letters];
        given_up.into_iter().flat_map(|it| shown(it)).collect()
    }
}

fn shown(queue: &Queue) -> impl Iterator<Item = Value> {
    let name = queue.name.clone();
    queue.all().into_iter().map(move |message| {
        let body = serde_json::from_str(&message.body).unwrap_or(Value::String(message.body));
        json!({ "queue": name, "id": message.id, "sent_at": message.sent_at, "body": body })
    })
}

impl Queue {
    /// Answers a call of `operation`.
    fn call(&self, operation: &str, body: &[u8]) -> Result<Value, AwsError> {
        match operation {
            "SendMessage" => self.send_message(aws::parse(body)?),
            "SendMessageBatch" => batch(aws::parse(body)?, |entry| self.send_message(entry)),
            "ReceiveMessage" => self.receive_message(&aws::parse(body)?),
            "DeleteMessage" => self.delete_message(&aws::parse(body)?),
            "DeleteMessageBatch" => batch(aws::parse(body)?, |entry| self.delete_message(&entry)),
            "ChangeMessageVisibility" => self.change_visibility(&aws::parse(body)?),
            "ChangeMessageVisibilityBatch" => {
                batch(aws::parse(body)?, |entry| self.change_visibility(&entry))
            }
            "GetQueueAttributes" => Ok(self.attributes()),
            _ => Err(AwsError::bad_request("UnknownOperationException", operation)),
        }
    }

    fn send_message(&self, asked: SendMessage) -> Result<Value, AwsError> {
        if asked.message_body.is_empty() || asked.delay_seconds > LONGEST_DELAY {
            let message = "A message has a body, and a delay of 0 to 900 seconds.";
            return Err(AwsError::bad_request("InvalidParameterValue", message));
        }
        let SendMessage { message_body, message_group_id, delay_seconds } = asked;
        let id = self.send(message_body, message_group_id, delay_seconds);
        let id = id.map_err(|error| not_kept(&error))?;
        Ok(json!({ "MessageId": id }))
    }

    fn receive_message(&self, asked: &ReceiveMessage) -> Result<Value, AwsError> {
        if !(1..=MOST_AT_ONCE).contains(&asked.max_number_of_messages) {
            let message = "MaxNumberOfMessages must be 1 to 10.";
            return Err(AwsError::bad_request("InvalidParameterValue", message));
        }
        let received = self.receive(asked.max_number_of_messages, asked.visibility_timeout);
        let messages = received.map_err(|error| not_kept(&error))?.messages;
        let messages = messages.into_iter().map(|message| {
            json!({
                "MessageId": message.id, "ReceiptHandle": message.receipt, "Body": message.body,
                "Attributes": message.attributes(),
            })
        });
        Ok(json!({ "Messages": messages.collect::<Vec<_>>() }))
    }

    fn delete_message(&self, asked: &Receipt) -> Result<Value, AwsError> {
        self.delete(&[&asked.receipt_handle]).map_err(|error| not_kept(&error))?;
        Ok(json!({}))
    }

    fn change_visibility(&self, asked: &Visibility) -> Result<Value, AwsError> {
        let changed = self.hide(&asked.receipt_handle, asked.visibility_timeout);
        if changed.map_err(|error| not_kept(&error))? {
            return Ok(json!({}));
        }
        Err(AwsError::bad_request(
            "AWS.SimpleQueueService.MessageNotInflight",
            "The message is not in flight.",
        ))
    }

    fn attributes(&self) -> Value {
        let counts = self.counts();
        json!({ "Attributes": {
            "ApproximateNumberOfMessages": counts.visible.to_string(),
            "ApproximateNumberOfMessagesDelayed": counts.delayed.to_string(),
            "ApproximateNumberOfMessagesNotVisible": counts.in_flight.to_string(),
        } })
    }
}

/// Does `act` for each entry, and tells what became of which.
fn batch<T>(asked: Batch<T>, act: impl Fn(T) -> Result<Value, AwsError>) -> Result<Value, AwsError> {
    if asked.entries.is_empty() {
        return Err(AwsError::bad_request(
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "There should be at least one entry.",
        ));
    }
    if asked.entries.len() > MOST_AT_ONCE {
        return Err(AwsError::bad_request(
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            "There may be ten entries at most.",
        ));
    }
    let ids: HashSet<_> = asked.entries.iter().map(|entry| &entry.id).collect();
    if ids.len() < asked.entries.len() {
        let code = "AWS.SimpleQueueService.BatchEntryIdsNotDistinct";
        return Err(AwsError::bad_request(code, "Two entries have the same id."));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for Entry { id, content } in asked.entries {
        match act(content) {
            Ok(mut answer) => {
                answer["Id"] = json!(id);
                successful.push(answer);
            }
            Err(error) => failed.push(json!({
                "Id": id, "Code": error.code, "Message": error.message,
                "SenderFault": error.status.is_client_error(),
            })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn not_kept(error: &std::io::Error) -> AwsError {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    AwsError { status, code: "InternalFailure", message: error.to_string() }
}

#[cfg(test)]
mod tests;
