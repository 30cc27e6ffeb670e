//! A record of the stream, as Lambda hands it to a function.

use aws_lambda_events::event::dynamodb::{EventRecord, StreamRecord, StreamViewType, UserIdentity};
use aws_sdk_dynamodbstreams::types::Record;

use crate::aws::REGION;

/// The record's place in its shard.
pub(super) fn sequence_number(record: &EventRecord) -> &str {
    record.change.sequence_number.as_deref().unwrap_or_default()
}

/// The event record that Lambda makes of a stream's record.
pub(super) fn event_record(record: Record, stream: &str) -> EventRecord {
    let mut event = EventRecord::default();
    event.aws_region = REGION.into();
    event.event_id = record.event_id.unwrap_or_default();
    event.event_name = record.event_name.map(|it| it.as_str().to_owned()).unwrap_or_default();
    event.event_source = Some("aws:dynamodb".to_owned());
    event.event_version = record.event_version;
    event.event_source_arn = Some(stream.to_owned());
    event.user_identity = record.user_identity.map(|identity| {
        let mut who = UserIdentity::default();
        who.type_ = identity.r#type.unwrap_or_default();
        who.principal_id = identity.principal_id.unwrap_or_default();
        who
    });
    event.change = record.dynamodb.map(change).unwrap_or_default();
    event
}

fn change(record: aws_sdk_dynamodbstreams::types::StreamRecord) -> StreamRecord {
    let mut change = StreamRecord::default();
    if let Some(Ok(created)) = record.approximate_creation_date_time.map(std::time::SystemTime::try_from) {
        change.approximate_creation_date_time = created.into();
    }
    change.keys = record.keys.unwrap_or_default().into();
    change.new_image = record.new_image.unwrap_or_default().into();
    change.old_image = record.old_image.unwrap_or_default().into();
    change.sequence_number = record.sequence_number;
    change.size_bytes = record.size_bytes.unwrap_or_default();
    change.stream_view_type = Some(StreamViewType::NewAndOldImages);
    change
}
