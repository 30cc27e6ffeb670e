//! The event source mappings over a real table and its stream, with functions that misbehave.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::LambdaEvent;
use serde_dynamo::AttributeValue::S;
use serde_json::json;
use shared::clock::Clock;

use super::*;
use crate::Settings;
use crate::clock::MovableClock;
use crate::directory::{DataDirectory, Scratch};
use crate::part::Part;
use crate::services::Services;

/// What a function processed, in order.
type Seen = Arc<Mutex<Vec<String>>>;

/// A table with its stream, and the mappings that read it.
struct Stage {
    services: Services,
    directory: DataDirectory,
    wake: Wake,
    running: Vec<Part>,
}

impl Stage {
    async fn new(settings: Settings) -> Self {
        let directory = DataDirectory::open(&settings.data).unwrap();
        let config = settings.config("http://127.0.0.1:1").unwrap();
        let services =
            Services::start(&settings, &config, &directory, &MovableClock::default()).await.unwrap();
        Self { services, directory, wake: Wake::default(), running: Vec::new() }
    }

    async fn write(&self, entity: &str, ids: impl IntoIterator<Item = usize>) {
        let view = self.services.view();
        for id in ids {
            put(&view.dynamodb, &view.table, entity, &id.to_string()).await;
        }
    }

    fn run(&mut self, consumers: Vec<Consumer>) -> EventSources {
        let around = Surroundings {
            aws: &self.services.aws,
            stream: &self.services.stream,
            directory: &self.directory,
            dead_letters: &self.services.queues.dead_letters,
            clock: Clock::system(),
            wake: self.wake.clone(),
        };
        let (sources, running) = EventSources::start(consumers, &around).unwrap();
        self.running.extend(running);
        sources
    }

    async fn stop(self) {
        for part in self.running {
            part.stop().await;
        }
        self.services.stop().await;
    }
}

async fn put(client: &Client, table: &str, entity: &str, id: &str) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = client.put_item().table_name(table).item("PK", text(id)).item("SK", text("EVENT"));
    put.item("entity", text(entity)).send().await.unwrap();
}

fn ids(event: &Event) -> Vec<String> {
    let id = |keys: &serde_dynamo::Item| match keys.get("PK") {
        Some(S(id)) => id.clone(),
        other => format!("{other:?}"),
    };
    event.records.iter().map(|record| id(&record.change.keys)).collect()
}

/// A consumer that notes what it processed. `refuse` may fail a batch, by the number of the call and the batch's ids.
fn consumer(
    refuse: impl Fn(usize, &[String]) -> Option<&'static str> + Send + Sync + 'static,
) -> (Consumer, Seen) {
    let (seen, calls) = (Seen::default(), AtomicUsize::new(0));
    let (noted, refuse) = (seen.clone(), Arc::new(refuse));
    let handle = move |event: LambdaEvent<Event>| {
        let (call, noted, refuse) = (calls.fetch_add(1, Ordering::Relaxed), noted.clone(), refuse.clone());
        async move {
            let ids = ids(&event.payload);
            if let Some(reason) = refuse(call, &ids) {
                return Err(reason.into());
            }
            noted.lock().unwrap().extend(ids);
            Ok(DynamoDbEventResponse::default())
        }
    };
    (Consumer::of::<shared::event::Event, _>("stream-audit", handle), seen)
}

/// An answer that reports these records as failed.
fn failed<'a>(records: impl IntoIterator<Item = &'a EventRecord>) -> DynamoDbEventResponse {
    let mut answer = DynamoDbEventResponse::default();
    for record in records {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = record.change.sequence_number.clone();
        answer.batch_item_failures.push(failure);
    }
    answer
}

fn numbers(ids: impl IntoIterator<Item = usize>) -> Vec<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

#[tokio::test]
async fn a_batch_that_fails_thrice_is_delivered_in_the_end_once_and_in_order() {
    let mut stage = Stage::new(Settings::default()).await;
    stage.write("event", 0..150).await;
    let (consumer, seen) = consumer(|call, _| (call < 3).then_some("not now"));
    let sources = stage.run(vec![consumer]);
    assert!(sources.drain().await);
    assert_eq!(*seen.lock().unwrap(), numbers(0..150));
    assert_eq!(sources.progress()[0].1.dead_letters, 0);
}

#[tokio::test]
async fn a_poison_record_ends_with_the_dead_letters_and_the_others_pass() {
    let mut stage = Stage::new(Settings::default()).await;
    stage.write("event", 0..20).await;
    let (consumer, seen) = consumer(|_, ids| ids.contains(&"13".to_owned()).then_some("poison"));
    let sources = stage.run(vec![consumer]);
    assert!(sources.drain().await);
    assert_eq!(*seen.lock().unwrap(), numbers((0..20).filter(|id| *id != 13)));
    let letters = stage.services.queues.given_up();
    let [letter] = &letters[..] else { panic!("one letter: {letters:?}") };
    let (by, batch) = (&letter["body"]["requestContext"], &letter["body"]["DDBStreamBatchInfo"]);
    assert_eq!(by["functionArn"], "arn:aws:lambda:us-east-1:000000000000:function:stream-audit");
    assert_eq!(batch["approximateArrivalOfFirstRecord"].as_str().map(str::len), Some(20), "whole seconds");
}

#[tokio::test]
async fn a_panic_counts_as_an_error() {
    let mut stage = Stage::new(Settings::default()).await;
    stage.write("event", 0..3).await;
    let (consumer, seen) = consumer(|call, _| (call < 2).then(|| panic!("a panic that a test is about")));
    let sources = stage.run(vec![consumer]);
    assert!(sources.drain().await);
    assert_eq!(*seen.lock().unwrap(), numbers(0..3));
}

#[tokio::test]
async fn a_partial_failure_is_retried_from_the_lowest_record_that_failed() {
    let mut stage = Stage::new(Settings::default()).await;
    stage.write("event", 0..10).await;
    let batches = Arc::new(Mutex::new(Vec::new()));
    let noted = batches.clone();
    let consumer =
        Consumer::of::<shared::event::Event, _>("stream-audit", move |event: LambdaEvent<Event>| {
            let first = noted.lock().unwrap().is_empty();
            noted.lock().unwrap().push(ids(&event.payload));
            let records = &event.payload.records;
            let answer = if first { failed([&records[7], &records[4]]) } else { failed([]) };
            async move { Ok(answer) }
        });
    let sources = stage.run(vec![consumer]);
    assert!(sources.drain().await);
    assert_eq!(*batches.lock().unwrap(), [numbers(0..10), numbers(4..10)]);
}

#[tokio::test]
async fn a_record_that_is_always_reported_as_failed_does_not_take_its_batch_with_it() {
    let mut stage = Stage::new(Settings::default()).await;
    stage.write("event", 0..6).await;
    let tries = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let noted = tries.clone();
    let consumer =
        Consumer::of::<shared::event::Event, _>("stream-audit", move |event: LambdaEvent<Event>| {
            let ids = ids(&event.payload);
            let bad = ids.iter().position(|id| id == "2");
            for id in &ids[..bad.map_or(ids.len(), |at| at + 1)] {
                *noted.lock().unwrap().entry(id.clone()).or_default() += 1;
            }
            let answer = failed(bad.map(|at| &event.payload.records[at]));
            async move { Ok(answer) }
        });
    let sources = stage.run(vec![consumer]);
    assert!(sources.drain().await);
    let expected = [("0", 1), ("1", 1), ("2", 11), ("3", 1), ("4", 1), ("5", 1)];
    assert_eq!(*tries.lock().unwrap(), expected.map(|(id, tries)| (id.to_owned(), tries)).into());
    assert_eq!(stage.services.queues.given_up().len(), 1);
}

#[tokio::test]
async fn an_event_reaches_a_consumer_when_it_is_put_and_when_it_is_changed_and_not_when_it_goes() {
    let mut stage = Stage::new(Settings::default()).await;
    let view = stage.services.view();
    stage.write("event", [1]).await;
    stage.write("user", [2]).await;
    let (key, text) = (|| AttributeValue::S("1".to_owned()), AttributeValue::S("EVENT".to_owned()));
    let touch = view.dynamodb.update_item().table_name(&view.table).key("PK", key()).key("SK", text.clone());
    let touch = touch.update_expression("SET replayed_at = :at").expression_attribute_values(":at", key());
    touch.send().await.unwrap();
    view.dynamodb
        .delete_item()
        .table_name(&view.table)
        .key("PK", key())
        .key("SK", text)
        .send()
        .await
        .unwrap();
    stage.write("event", [3]).await;
    let (consumer, seen) = consumer(|_, _| None);
    assert!(stage.run(vec![consumer]).drain().await);
    assert_eq!(*seen.lock().unwrap(), ["1", "1", "3"]);
}

#[tokio::test]
async fn a_mapping_obeys_orders_to_misbehave() {
    let mut stage = Stage::new(Settings::default()).await;
    let (consumer, seen) = consumer(|_, _| None);
    let sources = stage.run(vec![consumer]);
    let order = |order| sources.order("stream-audit", serde_json::from_value(order).unwrap());
    assert!(order(json!({ "paused": true })));
    stage.write("event", [1, 2]).await;
    assert!(sources.drain().await);
    assert!(seen.lock().unwrap().is_empty());
    assert!(order(json!({ "paused": false, "deliveries": 2 })));
    assert!(sources.drain().await);
    assert_eq!(*seen.lock().unwrap(), ["1", "2", "1", "2"]);
    assert!(order(json!({ "deliveries": 1, "rewind": true })));
    assert!(sources.drain().await);
    assert_eq!(*seen.lock().unwrap(), ["1", "2", "1", "2", "1", "2"]);
    assert!(!sources.order("webhook-delivery", serde_json::from_value(json!({})).unwrap()));
}

#[tokio::test]
async fn what_was_written_before_a_stop_is_consumed_after_it_and_only_once() {
    let scratch = Scratch::new();
    let settings = Settings { data: scratch.data(), ..Settings::default() };
    for (found, written) in [(0..0, 0..5), (0..5, 5..8), (5..8, 8..8)] {
        let mut stage = Stage::new(settings.clone()).await;
        let (noting, seen) = consumer(|_, _| None);
        assert!(stage.run(vec![noting]).drain().await);
        assert_eq!(*seen.lock().unwrap(), numbers(found));
        for part in std::mem::take(&mut stage.running) {
            part.stop().await;
        }
        stage.write("event", written).await;
        stage.stop().await;
    }
}

#[tokio::test]
async fn a_drain_waits_for_what_a_consumer_makes_another_one_do() {
    let mut stage = Stage::new(Settings::default()).await;
    let view = stage.services.view();
    stage.write("event", [1]).await;
    let chain = Consumer::of::<shared::event::Event, _>("stream-fanout", move |event: LambdaEvent<Event>| {
        let (view, ids) = (view.clone(), ids(&event.payload));
        async move {
            for next in
                ids.iter().filter_map(|id| id.parse::<u32>().ok()).map(|id| id + 1).filter(|id| *id <= 4)
            {
                put(&view.dynamodb, &view.table, "event", &next.to_string()).await;
            }
            Ok(DynamoDbEventResponse::default())
        }
    });
    let (noting, seen) = consumer(|_, _| None);
    assert!(stage.run(vec![noting, chain]).drain().await);
    assert_eq!(*seen.lock().unwrap(), numbers(1..5));
}
