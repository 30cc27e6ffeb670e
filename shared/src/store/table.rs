//! The table through the SDK: the operations that the system uses, each metered, its failures sorted into outcomes
//! and faults.
//!
//! All reads are strongly consistent, except those of an index and of the table as a whole. Nothing here knows what an
//! item means.

mod single;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConsumedCapacity, KeysAndAttributes, PutRequest,
    ReturnConsumedCapacity, Select, WriteRequest,
};
use futures::future::try_join_all;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cost;
use super::key::{Index, Key};
use super::write::{Item, Write, names_in};
use crate::aws;
use crate::fault::Fault;
use crate::random;

/// How often a write that met a transaction is tried again.
const CONFLICT_RETRIES: u32 = 6;
/// How often keys that a batch left out are asked for again, and items that it left out are put again.
const BATCH_RETRIES: u32 = 4;
/// The most writes of a transaction.
const MOST_WRITES: usize = 100;
/// The most items that one call puts.
const PUTS: usize = 25;

/// The table.
#[derive(Clone)]
pub(crate) struct Table {
    client: Client,
    name: Arc<str>,
}

/// What became of a conditional write.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// It was written.
    Written(T),
    /// A condition did not hold; nothing was written.
    Refused(Vec<Refused>),
}

/// A write whose condition did not hold.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Its place in the transaction.
    pub(crate) index: usize,
    /// The item that stood at its key, if there was one.
    pub(crate) old: Option<Item>,
}

/// What to read of a partition, the last first unless told otherwise.
#[derive(Clone, Default)]
pub(crate) struct Range {
    /// The index that has the partition; the table itself if there is none.
    pub(crate) index: Option<Index>,
    pub(crate) partition: String,
    /// Only items whose sort key is not below.
    pub(crate) from: Option<String>,
    /// Only items whose sort key is not above; needs `from`.
    pub(crate) to: Option<String>,
    /// Only items whose `type` is one of these; those that are not are read all the same.
    pub(crate) types: Vec<&'static str>,
    /// Only items whose attribute of this name is this; those that are not are read all the same.
    pub(crate) only: Vec<(&'static str, String)>,
    /// Only items whose sort key begins so.
    pub(crate) prefix: Option<String>,
    /// The first first.
    pub(crate) ascending: bool,
    /// Only items behind this one.
    pub(crate) after: Option<Item>,
    pub(crate) limit: Option<i32>,
    /// Only how many there are is read, and no item.
    pub(crate) counted: bool,
}

/// A part of the table: one of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Which it is, from 0.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// What to read of the table as a whole.
#[derive(Clone, Copy)]
pub(crate) struct Scan<'a> {
    pub(crate) segment: Segment,
    /// Only items for which this holds; the others are read all the same.
    pub(crate) filter: &'a str,
    /// The attributes to read of them.
    pub(crate) read: &'a str,
    pub(crate) values: &'a [(&'a str, AttributeValue)],
}

impl Table {
    pub(crate) fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.into() }
    }

    /// The item at `key`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Fault> {
        let call = self
            .client
            .get_item()
            .table_name(&*self.name)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = cost::timed(call.send()).await.map_err(|error| aws::fault("reading an item", error))?;
        cost::read(units(output.consumed_capacity.as_slice()));
        output.item.map(parse).transpose()
    }

    /// The items at `keys` that exist, in one call; there may be a hundred keys.
    pub(crate) async fn batch_get(&self, keys: &[Key]) -> Result<HashMap<Key, Item>, Fault> {
        let mut wanted: Vec<Item> = keys.iter().map(Key::attributes).collect();
        let mut found = HashMap::new();
        for attempt in 0..=BATCH_RETRIES {
            let keys = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(wanted)).build();
            let keys = keys.map_err(|error| Fault::broken("reading items", error))?;
            let call = self
                .client
                .batch_get_item()
                .request_items(&*self.name, keys)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let output =
                cost::timed(call.send()).await.map_err(|error| aws::fault("reading items", error))?;
            cost::read(units(output.consumed_capacity()));
            let items = output.responses.unwrap_or_default().remove(&*self.name).unwrap_or_default();
            found.extend(items.into_iter().filter_map(|item| Some((Key::of(&item)?, item))));
            match output.unprocessed_keys.unwrap_or_default().remove(&*self.name) {
                Some(rest) if !rest.keys.is_empty() => wanted = rest.keys,
                _ => return Ok(found),
            }
            back_off(attempt).await;
        }
        Err(Fault::temporary("reading items", "the table left keys unprocessed"))
    }

    /// Puts `items`, each for itself: where this fails, some of them may stand.
    pub(crate) async fn batch_put(&self, mut items: Vec<Item>) -> Result<(), Fault> {
        while !items.is_empty() {
            let rest = items.split_off(items.len().min(PUTS));
            self.put_together(items).await?;
            items = rest;
        }
        Ok(())
    }

    async fn put_together(&self, items: Vec<Item>) -> Result<(), Fault> {
        let put = |item| {
            let put = PutRequest::builder().set_item(Some(item)).build();
            put.map(|put| WriteRequest::builder().put_request(put).build())
        };
        let wanted: Result<Vec<_>, _> = items.into_iter().map(put).collect();
        let mut wanted = wanted.map_err(|error| Fault::broken("writing items", error))?;
        for attempt in 0..=BATCH_RETRIES {
            let call = self
                .client
                .batch_write_item()
                .request_items(&*self.name, wanted)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let output =
                cost::timed(call.send()).await.map_err(|error| aws::fault("writing items", error))?;
            cost::written(units(output.consumed_capacity()));
            match output.unprocessed_items.unwrap_or_default().remove(&*self.name) {
                Some(rest) if !rest.is_empty() => wanted = rest,
                _ => return Ok(()),
            }
            back_off(attempt).await;
        }
        Err(Fault::temporary("writing items", "the table left items unprocessed"))
    }

    /// The items of a partition, as `range` says. Where it is one of an index, they may be a moment old.
    pub(crate) async fn query(&self, range: Range) -> Result<QueryOutput, Fault> {
        let (pk, sk) = range.index.map_or(("PK", "SK"), |index| (index.pk, index.sk));
        let mut call = self
            .client
            .query()
            .table_name(&*self.name)
            .set_index_name(range.index.map(|index| index.name.to_owned()))
            .expression_attribute_names("#pk", pk)
            .expression_attribute_values(":pk", AttributeValue::S(range.partition))
            .scan_index_forward(range.ascending)
            .consistent_read(range.index.is_none())
            .set_limit(range.limit)
            .set_select(range.counted.then_some(Select::Count))
            .set_exclusive_start_key(range.after)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let values = match (range.from, range.to, range.prefix) {
            (Some(from), Some(to), _) => Some(("#pk = :pk AND #sk BETWEEN :sk AND :to", from, Some(to))),
            (Some(from), None, _) => Some(("#pk = :pk AND #sk >= :sk", from, None)),
            (None, _, Some(prefix)) => Some(("#pk = :pk AND begins_with(#sk, :sk)", prefix, None)),
            (None, _, None) => None,
        };
        call = match values {
            Some((condition, from, to)) => {
                let call = call
                    .key_condition_expression(condition)
                    .expression_attribute_names("#sk", sk)
                    .expression_attribute_values(":sk", AttributeValue::S(from));
                match to {
                    Some(to) => call.expression_attribute_values(":to", AttributeValue::S(to)),
                    None => call,
                }
            }
            None => call.key_condition_expression("#pk = :pk"),
        };
        let mut conditions = Vec::new();
        if !range.types.is_empty() {
            let names: Vec<_> = (0..range.types.len()).map(|index| format!(":type{index}")).collect();
            conditions.push(format!("#type IN ({})", names.join(", ")));
            call = call.expression_attribute_names("#type", "type");
            for (name, event_type) in names.into_iter().zip(range.types) {
                call = call.expression_attribute_values(name, AttributeValue::S(event_type.to_owned()));
            }
        }
        for (name, value) in range.only {
            conditions.push(format!("#{name} = :{name}"));
            call = call
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), AttributeValue::S(value));
        }
        if !conditions.is_empty() {
            call = call.filter_expression(conditions.join(" AND "));
        }
        let output =
            cost::timed(call.send()).await.map_err(|error| aws::fault("reading a partition", error))?;
        cost::read(units(output.consumed_capacity.as_slice()));
        Ok(output)
    }

    /// The items of a partition, as `range` says, page after page, until there are `most`.
    pub(crate) async fn query_all(&self, mut range: Range, most: usize) -> Result<Vec<Item>, Fault> {
        let mut items = Vec::new();
        loop {
            let page = self.query(range.clone()).await?;
            items.extend(page.items.unwrap_or_default());
            range.after = page.last_evaluated_key;
            if range.after.is_none() || items.len() >= most {
                items.truncate(most);
                return Ok(items);
            }
        }
    }

    /// How many items of a partition there are, as `range` says.
    pub(crate) async fn count(&self, range: Range) -> Result<usize, Fault> {
        let (mut range, mut count) = (Range { counted: true, ..range }, 0);
        loop {
            let page = self.query(range.clone()).await?;
            count += usize::try_from(page.count).unwrap_or_default();
            range.after = page.last_evaluated_key;
            if range.after.is_none() {
                return Ok(count);
            }
        }
    }

    /// The items of a segment of the table, as `scan` says, page after page. They may be a moment old.
    pub(crate) async fn scan(&self, scan: Scan<'_>) -> Result<Vec<Item>, Fault> {
        let names = names_in(&format!("{} {}", scan.filter, scan.read));
        let values = scan.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let call = self
            .client
            .scan()
            .table_name(&*self.name)
            .segment(scan.segment.number.cast_signed())
            .total_segments(scan.segment.of.cast_signed())
            .filter_expression(scan.filter)
            .projection_expression(scan.read)
            .select(Select::SpecificAttributes)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values.collect()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let call = call.clone().set_exclusive_start_key(after);
            let page =
                cost::timed(call.send()).await.map_err(|error| aws::fault("reading the table", error))?;
            cost::read(units(page.consumed_capacity.as_slice()));
            items.extend(page.items.unwrap_or_default());
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(items);
            }
        }
    }

    /// Deletes the items at `keys`, all hundreds of them side by side.
    ///
    /// In transactions, though batches would do: a role may then delete, and needs no right to write.
    pub(crate) async fn delete_all(&self, keys: &[Key]) -> Result<(), Fault> {
        let hundreds = keys.chunks(MOST_WRITES).map(|keys| keys.iter().cloned().map(Write::delete).collect());
        try_join_all(hundreds.map(|deletes| self.transact(deletes))).await.map(drop)
    }

    /// Writes all of `writes`, or none of them.
    pub(crate) async fn transact(&self, mut writes: Vec<Write>) -> Result<Outcome<()>, Fault> {
        if let [write] = writes.as_slice()
            && !write.only_asks()
        {
            return self.write(writes.remove(0)).await;
        }
        let items: Result<Vec<_>, _> =
            writes.into_iter().map(|write| write.into_transact_item(&self.name)).collect();
        let items = items?;
        for attempt in 0..=CONFLICT_RETRIES {
            let call = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let error = match cost::timed(call.send()).await {
                Ok(output) => {
                    cost::written(units(output.consumed_capacity()));
                    return Ok(Outcome::Written(()));
                }
                Err(error) => error,
            };
            let reasons = cancellation_reasons(&error);
            let refused = refused(reasons);
            if !refused.is_empty() {
                return Ok(Outcome::Refused(refused));
            }
            if !reasons.iter().any(|reason| reason.code() == Some("TransactionConflict")) {
                return Err(aws::fault("writing a transaction", error));
            }
            back_off(attempt).await;
        }
        Err(Fault::temporary("writing a transaction", "it met another one at each attempt"))
    }
}

/// Why a transaction was cancelled, a reason for each of its writes.
fn cancellation_reasons(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        _ => &[],
    }
}

/// The writes whose own condition did not hold.
fn refused(reasons: &[CancellationReason]) -> Vec<Refused> {
    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    let reasons = reasons.iter().enumerate().filter(|(_, reason)| failed(reason));
    reasons.map(|(index, reason)| Refused { index, old: reason.item.clone() }).collect()
}

/// An item as a value.
pub(crate) fn parse<T: DeserializeOwned>(item: Item) -> Result<T, Fault> {
    serde_dynamo::from_item(item).map_err(|error| Fault::broken("understanding an item", error))
}

/// The capacity units that an operation used in all.
fn units(capacity: &[ConsumedCapacity]) -> f64 {
    capacity.iter().filter_map(|it| it.capacity_units).sum()
}

/// Waits before trying again: a random time below a bound that doubles ("full jitter").
async fn back_off(attempt: u32) {
    let bound = 10_u64 << attempt;
    let wait = u64::from(u16::from_le_bytes(random::bytes())) % bound;
    tokio::time::sleep(Duration::from_millis(wait)).await;
}
