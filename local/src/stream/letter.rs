//! What Lambda tells of records that a function did not process: which they are and when they were written, not what they
//! say (Lambda developer guide, "Capturing discarded batches for a DynamoDB event source").

use aws_lambda_events::event::dynamodb::EventRecord;
use serde_json::{Value, json};
use shared::clock::Timestamp;

use super::delivery::ATTEMPTS;
use super::record::sequence_number;
use crate::aws::{self, ACCOUNT, REGION};

/// The message about a record of a shard that `function` failed to the end.
pub(super) fn about(function: &str, (shard, record): (&str, &EventRecord), now: Timestamp) -> Value {
    // In whole seconds, as on AWS.
    let written = record.change.approximate_creation_date_time.timestamp();
    let written = Timestamp::from_second(written).unwrap_or_default();
    json!({
        "version": "1.0",
        "timestamp": now,
        "requestContext": {
            "requestId": aws::new_id(),
            "functionArn": format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"),
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": ATTEMPTS,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": null },
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": sequence_number(record),
            "endSequenceNumber": sequence_number(record),
            "approximateArrivalOfFirstRecord": written,
            "approximateArrivalOfLastRecord": written,
            "batchSize": 1,
            "streamArn": record.event_source_arn,
        },
    })
}
