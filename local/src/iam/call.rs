//! What a call demands of IAM: actions, each on a resource and with the keys of the items that it touches.
//!
//! By the Service Authorization Reference of each service:
//! - a transaction is authorised by the operations in it, each for itself (DynamoDB Developer Guide, "Using IAM with
//!   DynamoDB transactions");
//! - `BatchGetItem` and `BatchWriteItem` are actions of their own, decided once for all of their keys;
//! - the leading key is the partition key that a query asks for, of the table or the index; a scan has none, and so
//!   passes every `ForAllValues` condition on it;
//! - a batch of SQS is authorised by the action on one message;
//! - mail is sent by an identity of SES: the address or its domain. Which of them is verified is not known here, and
//!   so both must be allowed.

use std::collections::{BTreeMap, HashMap};

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arn;
use crate::faults::{Service, called};

/// Something that a role must allow for a call to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    /// E.g. `dynamodb:GetItem`.
    pub(super) action: String,
    /// An ARN.
    pub(super) resource: String,
    /// What is known of the call, by what conditions ask for. What is not here was not worked out.
    pub(super) context: BTreeMap<ContextKey, Vec<String>>,
}

/// What a condition may ask of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum ContextKey {
    /// The attributes that a scan names.
    #[serde(rename = "dynamodb:Attributes")]
    Attributes,
    /// The partition keys of the items.
    #[serde(rename = "dynamodb:LeadingKeys")]
    LeadingKeys,
    /// Which attributes a scan returns.
    #[serde(rename = "dynamodb:Select")]
    Select,
    /// The sender of a mail.
    #[serde(rename = "ses:FromAddress")]
    FromAddress,
}

impl Demand {
    pub(super) fn on(resource: String, action: impl Into<String>) -> Self {
        Self { action: action.into(), resource, context: BTreeMap::new() }
    }

    pub(super) fn with(mut self, key: ContextKey, values: impl IntoIterator<Item = String>) -> Self {
        self.context.insert(key, values.into_iter().collect());
        self
    }

    fn of_items(table: &str, operation: &str, keys: impl IntoIterator<Item = Key>) -> Self {
        let keys = keys.into_iter().map(|key| key.partition.text);
        Self::on(arn::table(table), format!("dynamodb:{operation}")).with(ContextKey::LeadingKeys, keys)
    }

    /// The kinds of partitions that it touches, e.g. `USER#`: nothing of a key that tells whose it is.
    pub(super) fn partitions(&self) -> Vec<&str> {
        let keys = self.context.get(&ContextKey::LeadingKeys).into_iter().flatten();
        let mut kinds: Vec<_> = keys.filter_map(|key| key.split_inclusive('#').next()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

/// A call that cannot be judged.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotUnderstood {
    #[error("no service is known that it calls")]
    Service,
    #[error("{0:?} {1} is not known")]
    Operation(Service, String),
    #[error("{0} cannot be read ({1})")]
    Body(String, serde_json::Error),
    #[error("a query must ask for one partition")]
    Query,
}

/// What the call that `request` carries demands.
pub(super) fn demands(request: &HttpRequest) -> Result<Vec<Demand>, NotUnderstood> {
    let (service, operation) = called(request).ok_or(NotUnderstood::Service)?;
    let body = Body { operation, json: request.body().bytes().unwrap_or_default() };
    match service {
        Service::DynamoDb => of_dynamodb(&body),
        Service::Kms => {
            let asked: OfKey = body.read()?;
            Ok(vec![Demand::on(arn::key(&asked.key_id), format!("kms:{operation}"))])
        }
        Service::Sqs => {
            let asked: OfQueue = body.read()?;
            let action = operation.strip_suffix("Batch").unwrap_or(operation);
            Ok(vec![Demand::on(arn::queue(&asked.queue_url), format!("sqs:{action}"))])
        }
        Service::Ses => {
            let asked: OfSender = body.read()?;
            let sender = asked.from_email_address;
            let domain = sender.rsplit('@').next().unwrap_or_default();
            let by = |identity| {
                let demand = Demand::on(arn::identity(identity), format!("ses:{operation}"));
                demand.with(ContextKey::FromAddress, [sender.clone()])
            };
            Ok(vec![by(&sender), by(domain)])
        }
    }
}

fn of_dynamodb(body: &Body) -> Result<Vec<Demand>, NotUnderstood> {
    match body.operation {
        operation @ ("GetItem" | "PutItem" | "UpdateItem" | "DeleteItem") => {
            let asked: OfItem = body.read()?;
            Ok(vec![Demand::of_items(&asked.table_name, operation, [asked.key])])
        }
        "BatchGetItem" => {
            let asked: Batch<Keys> = body.read()?;
            let tables = asked.request_items.into_iter();
            Ok(tables.map(|(table, keys)| Demand::of_items(&table, body.operation, keys.keys)).collect())
        }
        "BatchWriteItem" => {
            let asked: Batch<Vec<HashMap<String, Write>>> = body.read()?;
            let keys =
                |writes: Vec<HashMap<_, Write>>| writes.into_iter().flatten().map(|(_, write)| write.key);
            let tables = asked.request_items.into_iter();
            Ok(tables.map(|(table, writes)| Demand::of_items(&table, body.operation, keys(writes))).collect())
        }
        // `Put` needs `PutItem`, `ConditionCheck` needs `ConditionCheckItem`.
        "TransactWriteItems" => {
            let asked: Transaction = body.read()?;
            let parts = asked.transact_items.into_iter().flatten();
            let demand = |(kind, part): (String, OfItem)| {
                Demand::of_items(&part.table_name, &format!("{kind}Item"), [part.key])
            };
            Ok(parts.map(demand).collect())
        }
        "Query" => {
            let asked: Query = body.read()?;
            let partition = asked.partition().ok_or(NotUnderstood::Query)?.to_owned();
            let demand = Demand::on(asked.of.resource(), "dynamodb:Query");
            Ok(vec![demand.with(ContextKey::LeadingKeys, [partition])])
        }
        "Scan" => {
            let asked: Scan = body.read()?;
            let demand = Demand::on(asked.of.resource(), "dynamodb:Scan").with(ContextKey::LeadingKeys, []);
            Ok(vec![asked.tell(demand)])
        }
        operation => Err(NotUnderstood::Operation(Service::DynamoDb, operation.to_owned())),
    }
}

/// What an operation is asked, in JSON. Only what decides is read of it.
struct Body<'a> {
    operation: &'a str,
    json: &'a [u8],
}

impl Body<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, NotUnderstood> {
        serde_json::from_slice(self.json)
            .map_err(|error| NotUnderstood::Body(self.operation.to_owned(), error))
    }
}

/// The part of an item, or of its key, that names its partition.
#[derive(Deserialize)]
struct Key {
    #[serde(rename = "PK")]
    partition: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfItem {
    table_name: String,
    #[serde(alias = "Item")]
    key: Key,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    request_items: HashMap<String, T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Write {
    #[serde(alias = "Item")]
    key: Key,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transaction {
    /// Each with one entry: the kind of its operation, and what that is asked.
    transact_items: Vec<HashMap<String, OfItem>>,
}

/// What is read: a table, or an index of it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Source {
    table_name: String,
    index_name: Option<String>,
}

impl Source {
    fn resource(&self) -> String {
        match &self.index_name {
            Some(index) => arn::index(&self.table_name, index),
            None => arn::table(&self.table_name),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    #[serde(flatten)]
    of: Source,
    key_condition_expression: String,
    expression_attribute_values: HashMap<String, Value>,
}

impl Query {
    /// The partition that is asked for: a query names it by the one equality of its condition. Where there are two,
    /// either may be the partition.
    fn partition(&self) -> Option<&str> {
        let mut equal =
            self.key_condition_expression.split(" AND ").filter_map(|term| term.split_once(" = "));
        let (_, value) = equal.next().filter(|_| equal.next().is_none())?;
        self.expression_attribute_values.get(value.trim())?["S"].as_str()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scan {
    #[serde(flatten)]
    of: Source,
    select: Option<String>,
    #[serde(default)]
    projection_expression: String,
    #[serde(default)]
    filter_expression: String,
    #[serde(default)]
    expression_attribute_names: BTreeMap<String, String>,
}

impl Scan {
    /// `demand`, with what it says of attributes. Those are known where each stands as `#name` in the expressions.
    fn tell(self, demand: Demand) -> Demand {
        let Some(select) = self.select else { return demand };
        let demand = demand.with(ContextKey::Select, [select]);
        let expressions = format!("{} {}", self.projection_expression, self.filter_expression);
        let mut words = expressions.split(|c: char| !c.is_ascii_alphanumeric() && !"#:_".contains(c));
        if words.all(|word| {
            word.is_empty() || word.starts_with(['#', ':']) || ["AND", "OR", "BETWEEN"].contains(&word)
        }) {
            demand.with(ContextKey::Attributes, self.expression_attribute_names.into_values())
        } else {
            demand
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfKey {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfQueue {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfSender {
    from_email_address: String,
}

#[cfg(test)]
mod tests;
