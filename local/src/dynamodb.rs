//! DynamoDB: one in this process, spoken to over HTTP, or one that runs elsewhere; and in it the table.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription, TableStatus,
    TimeToLiveSpecification,
};
use dynoxide::Database;
use rusqlite::Connection;

use crate::StartError;
use crate::aws;
use crate::clock::MovableClock;
use crate::directory::DataDirectory;
use crate::gateway;
use crate::part::Part;

/// The file of the tables.
const FILE: &str = "tables.sqlite";
/// What a write and a reader of a stream ask for, of the table in which dynoxide keeps all streams: the last record, and
/// those behind one. Without it each looks through the whole stream.
const STREAM_INDEX: &str = "CREATE INDEX IF NOT EXISTS stream_records_by_number
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";
/// How often items expire when nobody moves the clock.
const SWEEP: Duration = Duration::from_mins(1);
/// How long a new table may take to become ready.
const PATIENCE: Duration = Duration::from_secs(10);

/// The table's secondary indexes, as the template has them: name, partition key, sort key.
const INDEXES: [(&str, &str, &str); 9] = [
    ("GSI1", "GSI1PK", "GSI1SK"),
    ("GSI2", "GSI2PK", "GSI1SK"),
    ("GSI3", "GSI3PK", "GSI1SK"),
    ("GSI4", "GSI4PK", "GSI1SK"),
    ("GSI5", "GSI1PK", "email"),
    ("GSI6", "GSI1PK", "username"),
    ("GSI7", "GSI1PK", "folded_first_name"),
    ("GSI8", "GSI1PK", "folded_last_name"),
    ("GSI9", "GSI9PK", "GSI9SK"),
];

/// The DynamoDB of this process.
pub(crate) struct Embedded {
    pub(crate) endpoint: String,
    database: Database,
    server: Part,
    sweeper: Part,
}

impl Embedded {
    /// Opens the tables and serves them on a port of loopback.
    ///
    /// Items expire by `clock` in memory; those of a file expire by the machine's time.
    pub(crate) async fn start(directory: &DataDirectory, clock: MovableClock) -> Result<Self, StartError> {
        let database = match directory.path(FILE) {
            None => in_memory(clock).map_err(|error| StartError::corrupt(FILE.as_ref(), &*error))?,
            Some(path) => {
                in_file(&path.to_string_lossy()).map_err(|error| StartError::corrupt(&path, &*error))?
            }
        };
        let (listener, endpoint) = gateway::bind(0).await?;
        let tables = database.clone();
        let server = Part::run(|stop| async move {
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, tables, stop.asked()).await {
                tracing::error!(%error, "DynamoDB stopped");
            }
        });
        let expiry = Expiry(database.clone());
        let sweeper = Part::run(|stop| async move {
            while tokio::time::timeout(SWEEP, stop.clone().asked()).await.is_err() {
                expiry.run().await;
            }
        });
        Ok(Self { endpoint, database, server, sweeper })
    }

    pub(crate) async fn stop(self) {
        self.sweeper.stop().await;
        self.server.stop().await;
    }

    /// The means to delete the items whose time has come.
    pub(crate) fn expiry(&self) -> Expiry {
        Expiry(self.database.clone())
    }
}

type Opened = Result<Database, Box<dyn std::error::Error>>;

/// The tables of a file, with the index of their streams.
fn in_file(path: &str) -> Opened {
    let database = Database::new(path)?;
    Connection::open(path)?.execute_batch(STREAM_INDEX)?;
    Ok(database)
}

/// No tables yet, in memory, and what tells the time to them. Nobody but dynoxide reaches that memory: the index comes
/// with a copy of a file that is in memory too.
fn in_memory(clock: MovableClock) -> Opened {
    let file = format!("file:/{}?vfs=memdb", aws::new_id());
    // It is there for as long as somebody has it open.
    let _empty = in_file(&file)?;
    let database = Database::memory_with_clock(Arc::new(clock))?;
    database.restore_from(&file)?;
    Ok(database)
}

/// Deletes the items whose time has come, as DynamoDB does in the background.
#[derive(Clone)]
pub(crate) struct Expiry(Database);

impl Expiry {
    pub(crate) async fn run(&self) {
        let database = self.0.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "items did not expire"),
            Err(error) => tracing::warn!(%error, "items did not expire"),
        }
    }
}

/// Makes the table if it is missing, and waits until it is ready.
pub(crate) async fn ready_table(client: &Client, table: &str) -> Result<TableDescription, String> {
    match create(client, table).await {
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => {}
        other => drop(other.map_err(|error| DisplayErrorContext(error).to_string())?),
    }
    let active = tokio::time::timeout(PATIENCE, until_active(client, table)).await;
    let description = active.map_err(|_| "it does not become active".to_owned())??;
    let expiry = client.describe_time_to_live().table_name(table).send().await;
    let expiry = expiry.map_err(|error| DisplayErrorContext(error).to_string())?;
    if expiry.time_to_live_description().is_none_or(|it| it.attribute_name().is_none()) {
        let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires_at").build();
        let expiry = expiry.map_err(|error| error.to_string())?;
        let updated =
            client.update_time_to_live().table_name(table).time_to_live_specification(expiry).send().await;
        updated.map_err(|error| DisplayErrorContext(error).to_string())?;
    }
    Ok(description)
}

/// An index that the table lacks: one that an earlier version made.
pub(crate) fn missing_index(table: &TableDescription) -> Option<&'static str> {
    let names: Vec<_> = table.global_secondary_indexes().iter().filter_map(|it| it.index_name()).collect();
    INDEXES.into_iter().map(|(name, ..)| name).find(|name| !names.contains(name))
}

async fn until_active(client: &Client, table: &str) -> Result<TableDescription, String> {
    loop {
        let described = client.describe_table().table_name(table).send().await;
        let description = described.map_err(|error| DisplayErrorContext(error).to_string())?.table;
        match description {
            Some(it) if it.table_status == Some(TableStatus::Active) => return Ok(it),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

type CreateError = SdkError<aws_sdk_dynamodb::operation::create_table::CreateTableError>;

/// The table as the template has it.
async fn create(client: &Client, table: &str) -> Result<(), CreateError> {
    let wrong = |error: BuildError| CreateError::construction_failure(error);
    let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    let attributes: BTreeSet<&str> = ["PK", "SK"]
        .into_iter()
        .chain(INDEXES.into_iter().flat_map(|(_, partition, sort)| [partition, sort]))
        .collect();
    for name in attributes {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build();
        request = request.attribute_definitions(attribute.map_err(wrong)?);
    }
    for (index, partition, sort) in INDEXES {
        // Besides the keys, only what lists are filtered by: nothing of an index changes at a login.
        let projection = Projection::builder()
            .projection_type(ProjectionType::Include)
            .non_key_attributes("role")
            .non_key_attributes("status")
            .non_key_attributes("type")
            .build();
        let index = GlobalSecondaryIndex::builder()
            .index_name(index)
            .set_key_schema(Some(keys(partition, sort).map_err(wrong)?))
            .projection(projection);
        request = request.global_secondary_indexes(index.build().map_err(wrong)?);
    }
    let stream =
        StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    request
        .set_key_schema(Some(keys("PK", "SK").map_err(wrong)?))
        .stream_specification(stream.build().map_err(wrong)?)
        .send()
        .await
        .map(drop)
}

fn keys(partition: &str, sort: &str) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok(vec![key(partition, KeyType::Hash)?, key(sort, KeyType::Range)?])
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription;

    use super::*;

    #[test]
    fn a_table_that_an_earlier_version_made_lacks_an_index() {
        let with = |count: usize| {
            let index = |name| GlobalSecondaryIndexDescription::builder().index_name(name).build();
            let indexes = INDEXES.into_iter().take(count).map(|(name, ..)| index(name)).collect();
            TableDescription::builder().set_global_secondary_indexes(Some(indexes)).build()
        };
        assert_eq!(missing_index(&with(INDEXES.len())), None);
        assert_eq!(missing_index(&with(INDEXES.len() - 1)), Some("GSI9"));
    }
}
