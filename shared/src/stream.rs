//! The events of a batch from the table's stream, one after another.
//!
//! A batch is worked off in order up to the first record that fails; that one and those behind it come again
//! (Lambda's partial batch response, `ReportBatchItemFailures`). What is no event is passed over.

use aws_lambda_events::event::dynamodb::{Event as Batch, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};

use crate::event::Event;
use crate::fault::Fault;

/// Somebody who wants to know of events.
pub trait Consumer: Sync {
    /// Takes note of `event`. The same one may come again, late and out of order: that must make no difference.
    ///
    /// # Errors
    /// When it has to come again.
    fn consume(&self, event: Event) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Lets `consumer` have each event of `batch`; answers with the first record that failed, if one did.
pub async fn deliver(batch: Batch, consumer: &impl Consumer) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    for record in batch.records {
        let sequence = record.change.sequence_number.clone();
        let result = match event_of(record) {
            // Boxed: the futures beneath are deep, and each function has one of this.
            Ok(Some(event)) => Box::pin(consumer.consume(event)).await,
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

/// The event that a record brings: only what was put into the outbox is one.
fn event_of(record: EventRecord) -> Result<Option<Event>, Fault> {
    let item = record.change.new_image;
    let is_event =
        matches!(item.get("entity"), Some(serde_dynamo::AttributeValue::S(entity)) if entity == "event");
    if record.event_name != "INSERT" || !is_event {
        return Ok(None);
    }
    let event =
        serde_dynamo::from_item(item).map_err(|error| Fault::broken("understanding an event", error))?;
    Ok(Some(event))
}
