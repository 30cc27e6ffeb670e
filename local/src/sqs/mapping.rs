//! The event source mapping of a queue: a loop that receives, invokes the function and deletes what it processed, with
//! a few batches at once.
//!
//! As Lambda's, with `ReportBatchItemFailures`: what the function reports as failed, and all of a batch that it fails
//! as a whole, is left in the queue, where it shows again after its visibility timeout.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::FutureExt;
use lambda_runtime::{Context, LambdaEvent};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Message, Queue};
use crate::aws::{self, ACCOUNT, REGION};
use crate::function::Function;
use crate::part::{Part, Stop};
use crate::stream::{Behaviour, EventSources, POLL, Progress, Source};
use crate::template::QueueSource;

/// How many batches are in work at once to begin with, and by how many these are more after each [`GROWTH`] in which
/// they did not suffice; as Lambda has it (Lambda developer guide, "Configuring scaling behavior for SQS event source
/// mappings").
const FIRST_BATCHES: usize = 5;
const GROWTH: Duration = Duration::from_secs(1);
/// How many batches are in work at most where the template allows more, on one machine.
const MOST_BATCHES: usize = 20;

/// A function that consumes the queue.
pub(crate) type QueueConsumer = Function<SqsEvent, SqsBatchResponse>;

/// Starts the mapping of `queue` to `consumer`, as the template's `source` has it, as one of `sources`.
pub(crate) fn run(
    (queue, source): (Arc<Queue>, QueueSource),
    consumer: Arc<QueueConsumer>,
    sources: &mut EventSources,
) -> Part {
    let Source { progress, wake, behaviour } = sources.add(consumer.name);
    Part::run(|stop| Arc::new(Mapping { queue, source, consumer, progress, behaviour }).run(wake, stop))
}

struct Mapping {
    queue: Arc<Queue>,
    source: QueueSource,
    consumer: Arc<QueueConsumer>,
    progress: watch::Sender<Progress>,
    behaviour: watch::Receiver<Behaviour>,
}

impl Mapping {
    async fn run(self: Arc<Self>, mut wake: watch::Receiver<u64>, stop: Stop) {
        let all = MOST_BATCHES.min(self.source.batches);
        let (mut batches, mut most) = (JoinSet::new(), FIRST_BATCHES.min(all));
        let mut growth = pin!(sleep(GROWTH));
        while !stop.is_asked() {
            let rung = *wake.borrow_and_update();
            while batches.len() < most
                && let Some(messages) = self.receive()
            {
                batches.spawn(Arc::clone(&self).deliver(messages));
            }
            if batches.is_empty() {
                most = FIRST_BATCHES.min(all);
                self.progress.send_modify(|it| it.settle(rung));
            }
            let all_in_use = batches.len() == most;
            if !all_in_use {
                growth.as_mut().reset(Instant::now() + GROWTH);
            }
            tokio::select! {
                Some(_) = batches.join_next() => {}
                () = &mut growth, if all_in_use => {
                    most = all.min(most + FIRST_BATCHES);
                    growth.as_mut().reset(Instant::now() + GROWTH);
                }
                _ = wake.changed(), if !all_in_use => {}
                () = sleep(POLL) => {}
                () = stop.clone().asked() => {}
            }
        }
        while batches.join_next().await.is_some() {}
    }

    /// A batch of what is due, if something is.
    fn receive(&self) -> Option<Vec<Message>> {
        if self.behaviour.borrow().paused {
            return None;
        }
        match self.queue.receive(self.source.batch_size, None) {
            Ok(received) => {
                self.queue.hold(&received.messages, true);
                self.progress.send_modify(|it| it.dead_letters += received.dead);
                Some(received.messages).filter(|it| !it.is_empty())
            }
            Err(error) => {
                tracing::error!(%error, queue = self.queue.name, "the queue was not read");
                None
            }
        }
    }

    async fn deliver(self: Arc<Self>, messages: Vec<Message>) {
        let failed = self.invoke(&messages).await;
        let processed: Vec<_> =
            messages.iter().filter(|it| !failed.contains(&it.id)).map(|it| it.receipt.as_str()).collect();
        if let Err(error) = self.queue.delete(&processed) {
            tracing::error!(%error, queue = self.queue.name, "messages were processed and will come again");
        }
        self.queue.hold(&messages, false);
        self.progress.send_modify(|it| {
            it.processed += processed.len() as u64;
            it.failed_tries += (messages.len() - processed.len()) as u64;
        });
    }

    /// Invokes the function; the ids of the messages that it failed.
    async fn invoke(&self, messages: &[Message]) -> Vec<String> {
        let mut event = SqsEvent::default();
        event.records = messages.iter().map(|message| self.record(message)).collect();
        let mut context = Context::default();
        context.request_id = aws::new_id();
        let call = AssertUnwindSafe(async { self.consumer.call(LambdaEvent::new(event, context)).await });
        let all = || messages.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
        match call.catch_unwind().await {
            Ok(Ok(response)) => {
                let failed = response.batch_item_failures.into_iter().map(|it| it.item_identifier);
                let failed: Vec<_> = failed.collect();
                // One that names no message of the batch fails all of it, as Lambda has it.
                if failed.iter().all(|id| messages.iter().any(|it| it.id == *id)) { failed } else { all() }
            }
            Ok(Err(error)) => {
                tracing::error!(%error, function = self.consumer.name, "a batch of messages failed");
                all()
            }
            Err(_) => all(),
        }
    }

    fn record(&self, message: &Message) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(message.id.clone());
        record.receipt_handle = Some(message.receipt.clone());
        record.body = Some(message.body.clone());
        record.attributes =
            message.attributes().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        record.event_source = Some("aws:sqs".to_owned());
        record.event_source_arn = Some(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.queue.name));
        record.aws_region = Some(REGION.to_owned());
        record
    }
}
