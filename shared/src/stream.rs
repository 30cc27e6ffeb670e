//! What a batch from the table's stream tells of, one record after another.
//!
//! A batch is worked off in order, a few records at once if its consumer takes them so, up to the first that fails; that
//! one and those behind it come again (Lambda's partial batch response, `ReportBatchItemFailures`). What a consumer did
//! not ask for is passed over.

use aws_lambda_events::event::dynamodb::{Event as Batch, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use futures::future::join_all;
use serde::de::DeserializeOwned;

use crate::event::Event;
use crate::fault::Fault;

/// An item that the stream tells of.
pub trait Record: DeserializeOwned + Send {
    /// Its `entity` in the table.
    const ENTITY: &'static str;
    /// The writes of it that are told, by their names in the stream.
    const WRITES: &'static [&'static str];
}

/// An event is delivered when it is put into the outbox, and when it is replayed: nothing else changes one there. Expiry
/// (`REMOVE`) is not delivered.
impl Record for Event {
    const ENTITY: &'static str = "event";
    const WRITES: &'static [&'static str] = &["INSERT", "MODIFY"];
}

/// The first of some items that has to come again: its place among them, and why.
#[derive(Debug)]
pub struct Failed(pub usize, pub Fault);

/// Somebody who wants to know of items.
pub trait Consumer: Sync {
    /// Of which.
    type Item: Record;
    /// How many of a batch it takes at once.
    const AT_ONCE: usize = 1;

    /// Takes note of `item`. The same one may come again, late and out of order: that must make no difference.
    ///
    /// # Errors
    /// When it has to come again.
    fn consume(&self, item: Self::Item) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes note of as many `items` as it takes at once: each by itself, unless the consumer knows better.
    ///
    /// # Errors
    /// When one has to come again; it comes with all that are behind it.
    fn consume_together(&self, items: Vec<Self::Item>) -> impl Future<Output = Result<(), Failed>> + Send {
        async move {
            // None is dropped because one before it failed: it would be left half done.
            let results = join_all(items.into_iter().map(|item| self.consume(item))).await;
            let failed = results.into_iter().enumerate().find_map(|(index, it)| Some((index, it.err()?)));
            failed.map_or(Ok(()), |(index, fault)| Err(Failed(index, fault)))
        }
    }
}

/// Lets `consumer` have what each record of `batch` tells of; answers with the first that failed, if one did.
pub async fn deliver<C: Consumer>(batch: Batch, consumer: &C) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    let mut records = batch.records.into_iter().peekable();
    while records.peek().is_some() {
        let together = records.by_ref().take(C::AT_ONCE);
        if let Err((sequence, fault)) = take(together, consumer).await {
            tracing::error!(cause = fault.chain(), sequence, "a record failed and will come again");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence;
            response.batch_item_failures.push(failure);
            break;
        }
    }
    response
}

/// Lets `consumer` have what `records` tell of, up to the first that nobody understands; the sequence number of the first
/// that failed, and why.
async fn take<C: Consumer>(
    records: impl Iterator<Item = EventRecord>,
    consumer: &C,
) -> Result<(), (Option<String>, Fault)> {
    let (mut sequences, mut items, mut understood) = (Vec::new(), Vec::new(), Ok(()));
    for record in records {
        let sequence = record.change.sequence_number.clone();
        match read::<C::Item>(record) {
            Ok(None) => {}
            Ok(Some(item)) => {
                sequences.push(sequence);
                items.push(item);
            }
            Err(fault) => {
                understood = Err((sequence, fault));
                break;
            }
        }
    }
    // Boxed: the futures beneath are deep, and each function has one of this.
    match Box::pin(consumer.consume_together(items)).await {
        Ok(()) => understood,
        Err(Failed(index, fault)) => Err((sequences.into_iter().nth(index).flatten(), fault)),
    }
}

/// Whether `record` tells of a `T`.
pub fn tells_of<T: Record>(record: &EventRecord) -> bool {
    let entity = record.change.new_image.get("entity");
    T::WRITES.contains(&record.event_name.as_str())
        && matches!(entity, Some(serde_dynamo::AttributeValue::S(entity)) if entity == T::ENTITY)
}

/// The `T` that a record tells of, if it does.
fn read<T: Record>(record: EventRecord) -> Result<Option<T>, Fault> {
    if !tells_of::<T>(&record) {
        return Ok(None);
    }
    let item = serde_dynamo::from_item(record.change.new_image);
    item.map(Some).map_err(|error| Fault::broken("understanding a record", error))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde::Deserialize;
    use serde_json::json;
    use tokio::sync::Barrier;

    use super::*;

    #[derive(Deserialize)]
    struct Number {
        number: u32,
    }

    impl Record for Number {
        const ENTITY: &'static str = "number";
        const WRITES: &'static [&'static str] = &["INSERT"];
    }

    /// Who takes each number together with another one, and cannot bear the third.
    struct InPairs {
        pair: Barrier,
        taken: Mutex<Vec<u32>>,
    }

    impl Consumer for InPairs {
        type Item = Number;
        const AT_ONCE: usize = 2;

        async fn consume(&self, Number { number }: Number) -> Result<(), Fault> {
            self.pair.wait().await;
            self.taken.lock().unwrap().push(number);
            if number == 3 { Err(Fault::temporary("taking a number", "it is three")) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn what_is_taken_at_once_is_finished_and_what_is_behind_a_failure_comes_again() {
        let record = |number: u32| {
            json!({
                "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-1", "dynamodb": {
                    "Keys": {}, "NewImage": { "entity": { "S": "number" }, "number": { "N": number.to_string() } },
                    "SequenceNumber": number.to_string(), "SizeBytes": 1,
                    "StreamViewType": "NEW_AND_OLD_IMAGES", "ApproximateCreationDateTime": 1.0,
                },
            })
        };
        let batch = json!({ "Records": (1..=6).map(record).collect::<Vec<_>>() });
        let consumer = InPairs { pair: Barrier::new(2), taken: Mutex::default() };
        let response = deliver(serde_json::from_value(batch).unwrap(), &consumer).await;
        let failed: Vec<_> = response.batch_item_failures.iter().map(|it| &it.item_identifier).collect();
        assert_eq!(failed, [&Some("3".to_owned())]);
        let mut taken = consumer.taken.into_inner().unwrap();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3, 4]);
    }
}
