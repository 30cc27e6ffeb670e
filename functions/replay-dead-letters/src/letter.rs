//! A dead letter: what Lambda tells of records of the stream that a function did not process. It has none of them, only
//! when they were written.

use serde::Deserialize;
use shared::clock::Timestamp;
use shared::replay::Span;

/// A letter, as far as it is read (Lambda developer guide, "Capturing discarded batches for a DynamoDB event source").
#[derive(Deserialize)]
struct Letter {
    #[serde(rename = "DDBStreamBatchInfo")]
    batch: Batch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    approximate_arrival_of_first_record: Timestamp,
    approximate_arrival_of_last_record: Timestamp,
}

/// When the records were written of which `body` tells; nothing if it tells of none.
pub(crate) fn span(body: &str) -> Option<Span> {
    let Batch { approximate_arrival_of_first_record: from, approximate_arrival_of_last_record: to } =
        serde_json::from_str::<Letter>(body).ok()?.batch;
    Some(Span { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_tells_when_its_records_were_written() {
        let body = r#"{
            "requestContext": {
                "requestId": "316aa6d0-8154-4d5c-9af7-85d5f4a6bc81",
                "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:usher-stream-audit",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 11
            },
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": null },
            "version": "1.0",
            "timestamp": "2026-01-15T10:03:40.717Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001573689847184-864758bb",
                "startSequenceNumber": "800000000003126276362",
                "endSequenceNumber": "800000000003126276390",
                "approximateArrivalOfFirstRecord": "2026-01-15T10:03:19Z",
                "approximateArrivalOfLastRecord": "2026-01-15T10:03:21Z",
                "batchSize": 3,
                "streamArn": "arn:aws:dynamodb:eu-central-1:123456789012:table/usher/stream/2026-01-01T00:00:00.000"
            }
        }"#;
        let at = |text: &str| text.parse::<Timestamp>().ok();
        assert_eq!(span(body).map(|it| it.from), at("2026-01-15T10:03:19Z"));
        assert_eq!(span(body).map(|it| it.to), at("2026-01-15T10:03:21Z"));
    }

    #[test]
    fn what_is_no_letter_tells_nothing() {
        for body in ["", "{}", r#"{"tenant": "default"}"#] {
            assert_eq!(span(body), None, "{body}");
        }
    }
}
