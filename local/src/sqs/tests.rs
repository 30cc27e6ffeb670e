//! The queue, called through the SDK's client, and its mapping, with functions that misbehave.

use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use shared::clock::Clock;
use shared::queue::Grouped;
use tokio::sync::Notify;

use super::*;
use crate::Settings;
use crate::clock::MovableClock;
use crate::directory::{DataDirectory, Scratch};
use crate::part::Part;
use crate::services::Services;
use crate::settings::WEBHOOK_QUEUE_URL;
use crate::stream::{EventSources, Surroundings, Wake};
use crate::template::QueueSource;

/// What a function was given, in order.
type Seen = Arc<Mutex<Vec<String>>>;

/// A message whose first letter is its group.
#[derive(Serialize)]
struct Text<'a>(&'a str);

impl Grouped for Text<'_> {
    fn group(&self) -> String {
        self.0[..1].to_owned()
    }
}

/// A queue, its clock, and the mapping of a function to it.
struct Stage {
    services: Services,
    directory: DataDirectory,
    clock: MovableClock,
    aws: SdkConfig,
    running: Vec<Part>,
}

impl Stage {
    async fn new() -> Self {
        Self::with(&Settings::default()).await
    }

    async fn with(settings: &Settings) -> Self {
        let directory = DataDirectory::open(&settings.data).unwrap();
        let config = settings.config("http://127.0.0.1:1").unwrap();
        let clock = MovableClock::default();
        let services = Services::start(settings, &config, &directory, &clock).await.unwrap();
        let aws = services.aws.clone();
        Self { services, directory, clock, aws, running: Vec::new() }
    }

    fn client(&self) -> Client {
        Client::new(&self.aws)
    }

    async fn send(&self, bodies: &[&str]) {
        let texts: Vec<_> = bodies.iter().copied().map(Text).collect();
        shared::queue::Queue::new(&self.aws, WEBHOOK_QUEUE_URL).put_all(&texts).await.unwrap();
    }

    /// The bodies of the messages that can be received now.
    async fn receive(&self) -> Vec<String> {
        self.receive_some(10).await
    }

    async fn receive_some(&self, most: i32) -> Vec<String> {
        let answer =
            self.client().receive_message().queue_url(WEBHOOK_QUEUE_URL).max_number_of_messages(most);
        let messages = answer.send().await.unwrap().messages.unwrap_or_default();
        messages.into_iter().filter_map(|message| message.body).collect()
    }

    fn run(&mut self, consumer: QueueConsumer) -> EventSources {
        let queue = Arc::clone(self.services.queues.named(WEBHOOK_QUEUE_URL).unwrap());
        let source = QueueSource { queue: queue.name.clone(), batch_size: 10, batches: 20 };
        let around = Surroundings {
            aws: &self.services.aws,
            stream: &self.services.stream,
            directory: &self.directory,
            dead_letters: &self.services.queues.dead_letters,
            clock: Clock::new(self.clock.clone()),
            wake: Wake::default(),
        };
        let (mut sources, _) = EventSources::start(Vec::new(), &around).unwrap();
        self.running.push(run((queue, source), consumer.into(), &mut sources));
        sources
    }
}

/// A function that notes the bodies of its messages, and answers as `answer` makes it.
fn consumer(
    answer: impl Fn(&SqsEvent) -> Result<SqsBatchResponse, lambda_runtime::Error> + Send + Sync + 'static,
) -> (QueueConsumer, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let consumer = QueueConsumer::new("webhook-delivery", move |event: LambdaEvent<SqsEvent>| {
        let bodies = event.payload.records.iter().filter_map(|record| record.body.clone());
        noted.lock().unwrap().extend(bodies);
        let answer = answer(&event.payload);
        async move { answer }
    });
    (consumer, seen)
}

/// An answer that fails the messages with this body.
fn failing(event: &SqsEvent, body: &str) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    for record in event.records.iter().filter(|record| record.body.as_deref() == Some(body)) {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = record.message_id.clone().unwrap_or_default();
        answer.batch_item_failures.push(failure);
    }
    answer
}

#[tokio::test]
async fn a_message_is_hidden_from_others_until_it_is_deleted_or_its_time_is_up() {
    let stage = Stage::new().await;
    let client = stage.client();
    stage.send(&["one"]).await;
    let receive = || client.receive_message().queue_url(WEBHOOK_QUEUE_URL).visibility_timeout(30).send();
    let first = receive().await.unwrap().messages.unwrap_or_default();
    assert_eq!(first[0].body.as_deref(), Some("\"one\""));
    assert!(receive().await.unwrap().messages.unwrap_or_default().is_empty());
    stage.clock.advance(31);
    let again = receive().await.unwrap().messages.unwrap_or_default();
    assert_eq!(again[0].message_id, first[0].message_id);
    for message in first.iter().chain(&again) {
        let delete = client.delete_message().queue_url(WEBHOOK_QUEUE_URL);
        delete.receipt_handle(message.receipt_handle.as_deref().unwrap()).send().await.unwrap();
    }
    stage.clock.advance(31);
    assert!(receive().await.unwrap().messages.unwrap_or_default().is_empty());
}

#[tokio::test]
async fn a_message_is_held_back_until_it_is_due() {
    let stage = Stage::new().await;
    let queue = shared::queue::Queue::new(&stage.aws, WEBHOOK_QUEUE_URL);
    queue.put(&Text("later"), jiff::SignedDuration::from_secs(300)).await.unwrap();
    assert_eq!(stage.receive().await, [""; 0]);
    let counts = stage.client().get_queue_attributes().queue_url(WEBHOOK_QUEUE_URL).send().await.unwrap();
    let delayed = counts.attributes.unwrap()[&QueueAttributeName::ApproximateNumberOfMessagesDelayed].clone();
    assert_eq!(delayed, "1");
    stage.clock.advance(301);
    assert_eq!(stage.receive().await, ["\"later\""]);
}

#[tokio::test]
async fn a_receiver_can_put_its_message_back() {
    let stage = Stage::new().await;
    let client = stage.client();
    stage.send(&["one"]).await;
    let received = client.receive_message().queue_url(WEBHOOK_QUEUE_URL).send().await.unwrap();
    let receipt = received.messages.unwrap()[0].receipt_handle.clone().unwrap();
    let change = client.change_message_visibility().queue_url(WEBHOOK_QUEUE_URL).receipt_handle(receipt);
    change.visibility_timeout(0).send().await.unwrap();
    assert_eq!(stage.receive().await, ["\"one\""]);
}

#[tokio::test]
async fn what_sqs_refuses_is_refused_here() {
    let stage = Stage::new().await;
    let client = stage.client();
    let late = client.send_message().queue_url(WEBHOOK_QUEUE_URL).message_body("x").delay_seconds(901);
    assert_eq!(
        late.send().await.unwrap_err().into_service_error().meta().code(),
        Some("InvalidParameterValue")
    );
    let other = client.send_message().queue_url("https://sqs.test/1/other").message_body("x");
    assert!(other.send().await.unwrap_err().into_service_error().is_queue_does_not_exist());
    let entry = SendMessageBatchRequestEntry::builder().id("a").message_body("x").build().unwrap();
    let send =
        |entries| client.send_message_batch().queue_url(WEBHOOK_QUEUE_URL).set_entries(Some(entries)).send();
    let many = send(vec![entry.clone(); 11]).await.unwrap_err().into_service_error();
    assert!(many.is_too_many_entries_in_batch_request());
    let same = send(vec![entry; 2]).await.unwrap_err().into_service_error();
    assert!(same.is_batch_entry_ids_not_distinct());
}

#[tokio::test]
async fn a_function_gets_each_message_once() {
    let mut stage = Stage::new().await;
    let bodies: Vec<_> = (0..25).map(|number| number.to_string()).collect();
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    stage.send(&bodies).await;
    let (consumer, seen) = consumer(|_| Ok(SqsBatchResponse::default()));
    let sources = stage.run(consumer);
    assert!(sources.drain().await);
    let mut quoted: Vec<_> = bodies.iter().map(|body| format!("\"{body}\"")).collect();
    let mut got = seen.lock().unwrap().clone();
    quoted.sort();
    got.sort();
    assert_eq!(got, quoted);
    stage.clock.advance(86_400);
    assert!(sources.drain().await);
    assert_eq!(seen.lock().unwrap().len(), 25);
}

#[tokio::test]
async fn who_has_many_messages_does_not_keep_others_waiting() {
    let stage = Stage::new().await;
    stage.send(&["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"]).await;
    stage.send(&["b1"]).await;
    assert_eq!(stage.receive_some(2).await, ["\"a1\"", "\"b1\""]);
    stage.send(&["c1", "b2"]).await;
    assert_eq!(stage.receive_some(2).await, ["\"c1\"", "\"a2\""]);
}

#[tokio::test]
async fn a_batch_that_lasts_keeps_no_other_waiting_and_is_not_brought_again_meanwhile() {
    let mut stage = Stage::new().await;
    stage.send(&["last"; 10]).await;
    let (begun, end, seen) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Seen::default());
    let (tells, waits) = (Arc::clone(&begun), Arc::clone(&end));
    let noted = seen.clone();
    let consumer = QueueConsumer::new("webhook-delivery", move |event: LambdaEvent<SqsEvent>| {
        let (tells, waits, noted) = (Arc::clone(&tells), Arc::clone(&waits), noted.clone());
        async move {
            let body = event.payload.records[0].body.clone().unwrap_or_default();
            let lasts = body == "\"last\"";
            noted.lock().unwrap().push(body);
            tells.notify_one();
            if lasts {
                waits.notified().await;
            }
            Ok(SqsBatchResponse::default())
        }
    });
    let sources = stage.run(consumer);
    begun.notified().await;
    stage.clock.advance(181);
    stage.send(&["other"]).await;
    sources.wake();
    begun.notified().await;
    assert_eq!(*seen.lock().unwrap(), ["\"last\"", "\"other\""]);
    end.notify_one();
    assert!(sources.drain().await);
}

#[tokio::test]
async fn a_drain_waits_for_what_is_due_and_for_nothing_else() {
    let mut stage = Stage::new().await;
    let queue = shared::queue::Queue::new(&stage.aws, WEBHOOK_QUEUE_URL);
    queue.put(&Text("now"), jiff::SignedDuration::ZERO).await.unwrap();
    queue.put(&Text("later"), jiff::SignedDuration::from_secs(60)).await.unwrap();
    let (consumer, seen) = consumer(|_| Ok(SqsBatchResponse::default()));
    let sources = stage.run(consumer);
    assert!(sources.drain().await);
    assert_eq!(*seen.lock().unwrap(), ["\"now\""]);
    stage.clock.advance(61);
    assert!(sources.drain().await);
    assert_eq!(*seen.lock().unwrap(), ["\"now\"", "\"later\""]);
}

#[tokio::test]
async fn a_message_that_always_fails_ends_with_the_dead_letters_and_the_others_pass() {
    let mut stage = Stage::new().await;
    stage.send(&["good", "bad"]).await;
    let (consumer, seen) = consumer(|event| Ok(failing(event, "\"bad\"")));
    let sources = stage.run(consumer);
    for _ in 0..7 {
        assert!(sources.drain().await);
        stage.clock.advance(181);
    }
    let tries = |body: &str| seen.lock().unwrap().iter().filter(|it| *it == body).count();
    assert_eq!((tries("\"good\""), tries("\"bad\"")), (1, 5));
    let letters = stage.services.queues.given_up();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["body"], "bad");
    assert_eq!(sources.progress()[0].1.dead_letters, 1);
}

#[tokio::test]
async fn dead_letters_are_moved_back_and_others_are_not() {
    let stage = Stage::new().await;
    let client = stage.client();
    let move_back = |name: &str| {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        client.start_message_move_task().source_arn(arn).send()
    };
    let letter = client.send_message().queue_url(WEBHOOK_DEAD_LETTER_QUEUE_URL).message_body("one");
    letter.send().await.unwrap();
    move_back("usher-local-webhook-dead-letters").await.unwrap();
    assert_eq!(stage.services.queues.given_up(), [Value::Null; 0]);
    assert_eq!(stage.receive().await, ["one"]);
    let other = move_back("usher-local-webhooks").await.unwrap_err().into_service_error();
    assert_eq!(other.meta().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn an_error_a_panic_and_a_failure_of_nobody_leave_the_whole_batch() {
    let mut stage = Stage::new().await;
    stage.send(&["one", "two"]).await;
    let calls = Mutex::new(0);
    let (consumer, seen) = consumer(move |_| {
        let call = {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        let mut nobody = SqsBatchResponse::default();
        nobody.batch_item_failures.push(BatchItemFailure::default());
        match call {
            1 => Err("not now".into()),
            2 => panic!("a panic that a test is about"),
            3 => Ok(nobody),
            _ => Ok(SqsBatchResponse::default()),
        }
    });
    let sources = stage.run(consumer);
    for _ in 0..6 {
        assert!(sources.drain().await);
        stage.clock.advance(181);
    }
    assert_eq!(seen.lock().unwrap().len(), 8);
    assert_eq!(sources.progress()[0].1.processed, 2);
}

#[tokio::test]
async fn a_queue_outlives_its_process() {
    let scratch = Scratch::new();
    let settings = Settings { data: scratch.data(), ..Settings::default() };
    let stage = Stage::with(&settings).await;
    stage.send(&["one"]).await;
    let Stage { services, directory, .. } = stage;
    services.stop().await;
    drop(directory);
    assert_eq!(Stage::with(&settings).await.receive().await, ["\"one\""]);
}
