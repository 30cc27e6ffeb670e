//! Reads a table's stream from where a consumer last stood, shard by shard, parents before their children.

use std::collections::BTreeMap;

use aws_lambda_events::event::dynamodb::EventRecord;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::DisplayErrorContext;
use aws_sdk_dynamodbstreams::operation::get_shard_iterator::GetShardIteratorError;
use aws_sdk_dynamodbstreams::types::{Shard, ShardIteratorType, StreamDescription};
use serde::{Deserialize, Serialize};

use super::record::event_record;

/// The most records of one page, and so of one batch.
const PAGE: i32 = 100;

/// Where a consumer stands in a stream. Kept in the data directory, so that what was written before a crash is
/// consumed after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Position {
    /// The stream's ARN: a table made anew has a new stream, which is read from its beginning.
    stream: String,
    /// By shard; a shard that is missing was never read.
    shards: BTreeMap<String, Mark>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    /// Everything up to this sequence number is done.
    After(String),
    /// The shard is closed and everything in it is done.
    End,
}

/// Records of one shard, in order.
pub(super) struct Page {
    pub(super) shard: String,
    pub(super) records: Vec<EventRecord>,
}

/// Reads one stream for one consumer.
pub(super) struct Reader {
    client: Client,
    position: Position,
    /// The shards that are not read to their end; asked for again when one of them ends.
    open: Option<Vec<Shard>>,
    /// Where the next page of a shard begins.
    iterators: BTreeMap<String, String>,
}

impl Reader {
    /// A reader of `stream` that goes on from `position`, if that is of this stream.
    pub(super) fn new(client: Client, stream: &str, position: Position) -> Self {
        let fresh = Position { stream: stream.to_owned(), shards: BTreeMap::new() };
        let position = if position.stream == stream { position } else { fresh };
        Self { client, position, open: None, iterators: BTreeMap::new() }
    }

    /// Where the consumer stands.
    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    /// Goes back to the beginning of the stream.
    pub(super) fn rewind(&mut self) {
        self.position.shards.clear();
        (self.open, self.iterators) = (None, BTreeMap::new());
    }

    /// Notes that everything up to a record is done.
    pub(super) fn done(&mut self, shard: &str, sequence_number: &str) {
        self.position.shards.insert(shard.to_owned(), Mark::After(sequence_number.to_owned()));
    }

    /// The next records; `None` when there are no more for now.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, String> {
        'shards: loop {
            for shard in self.readable().await? {
                let page = self.page(&shard).await?;
                let ended = !self.iterators.contains_key(&shard);
                if !page.records.is_empty() {
                    return Ok(Some(page));
                }
                if ended {
                    // Its children are readable now.
                    self.position.shards.insert(shard, Mark::End);
                    self.open = None;
                    continue 'shards;
                }
            }
            return Ok(None);
        }
    }

    /// The shards whose turn it is: not read to their end, and with no parent that is not.
    async fn readable(&mut self) -> Result<Vec<String>, String> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.list().await?,
        };
        let ids: Vec<_> = open.iter().filter_map(Shard::shard_id).collect();
        let first =
            open.iter().filter(|shard| shard.parent_shard_id().is_none_or(|parent| !ids.contains(&parent)));
        let readable = first.filter_map(Shard::shard_id).map(str::to_owned).collect();
        self.open = Some(open);
        Ok(readable)
    }

    /// The stream's shards that are not read to their end.
    async fn list(&self) -> Result<Vec<Shard>, String> {
        let (mut open, mut after) = (Vec::new(), None);
        loop {
            let request = self.client.describe_stream().stream_arn(&self.position.stream);
            let described = request.set_exclusive_start_shard_id(after).send().await;
            let described = described.map_err(|error| DisplayErrorContext(error).to_string())?;
            let stream = described.stream_description.unwrap_or_else(|| StreamDescription::builder().build());
            after = stream.last_evaluated_shard_id;
            open.extend(stream.shards.unwrap_or_default());
            if after.is_none() {
                break;
            }
        }
        open.retain(|shard| {
            shard.shard_id().is_some_and(|id| self.position.shards.get(id) != Some(&Mark::End))
        });
        Ok(open)
    }

    async fn page(&mut self, shard: &str) -> Result<Page, String> {
        let iterator = match self.iterators.remove(shard) {
            Some(iterator) => iterator,
            None => self.iterator(shard).await?,
        };
        // An iterator that has expired is not put back: the next try gets a new one.
        let answer = self.client.get_records().shard_iterator(iterator).limit(PAGE).send().await;
        let answer = answer.map_err(|error| DisplayErrorContext(error).to_string())?;
        if let Some(next) = answer.next_shard_iterator {
            self.iterators.insert(shard.to_owned(), next);
        }
        let records = answer.records.unwrap_or_default().into_iter();
        let records = records.map(|record| event_record(record, &self.position.stream)).collect();
        Ok(Page { shard: shard.to_owned(), records })
    }

    async fn iterator(&mut self, shard: &str) -> Result<String, String> {
        let request = self.client.get_shard_iterator().stream_arn(&self.position.stream).shard_id(shard);
        let request = match self.position.shards.get(shard) {
            Some(Mark::After(number)) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(number)
            }
            _ => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        match request.send().await {
            Ok(answer) => answer.shard_iterator.ok_or_else(|| "the shard gave no iterator".to_owned()),
            Err(error) => {
                if error
                    .as_service_error()
                    .is_some_and(GetShardIteratorError::is_trimmed_data_access_exception)
                {
                    // What stood here is older than the stream keeps: go on with the oldest there is.
                    self.position.shards.remove(shard);
                }
                Err(DisplayErrorContext(error).to_string())
            }
        }
    }
}
