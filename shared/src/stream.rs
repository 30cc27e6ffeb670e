//! What a batch from the table's stream tells of, one record after another.
//!
//! A batch is worked off in order up to the first record that fails; that one and those behind it come again
//! (Lambda's partial batch response, `ReportBatchItemFailures`). What a consumer did not ask for is passed over.

use aws_lambda_events::event::dynamodb::{Event as Batch, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
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

/// Only what was put into the outbox is an event; that it expires is none.
impl Record for Event {
    const ENTITY: &'static str = "event";
    const WRITES: &'static [&'static str] = &["INSERT"];
}

/// Somebody who wants to know of items.
pub trait Consumer: Sync {
    /// Of which.
    type Item: Record;

    /// Takes note of `item`. The same one may come again, late and out of order: that must make no difference.
    ///
    /// # Errors
    /// When it has to come again.
    fn consume(&self, item: Self::Item) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Lets `consumer` have what each record of `batch` tells of; answers with the first that failed, if one did.
pub async fn deliver<C: Consumer>(batch: Batch, consumer: &C) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    for record in batch.records {
        let sequence = record.change.sequence_number.clone();
        let result = match read::<C::Item>(record) {
            // Boxed: the futures beneath are deep, and each function has one of this.
            Ok(Some(item)) => Box::pin(consumer.consume(item)).await,
            Ok(None) => Ok(()),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = result {
            tracing::error!(cause = fault.chain(), sequence, "a record failed and will come again");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence;
            response.batch_item_failures.push(failure);
            break;
        }
    }
    response
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
