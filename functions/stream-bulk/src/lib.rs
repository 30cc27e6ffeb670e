//! Processes bulk operations: each step of one is a record of the table's stream, and causes the next.
//!
//! The stream may repeat a record, or deliver it late: a batch is processed once. A record that fails is handed back and
//! delivered again.

use aws_lambda_events::event::dynamodb::Event as StreamBatch;
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use lambda_runtime::{Error, LambdaEvent};
use shared::App;
use shared::bulk::Operation;
use shared::fault::Fault;
use shared::stream::{self, Consumer};

/// Works off operations. Cheap to clone.
#[derive(Clone)]
pub struct Worker {
    app: App,
}

impl Worker {
    /// One that works in the table of `app`.
    pub fn new(app: App) -> Self {
        Self { app }
    }
}

impl Consumer for Worker {
    type Item = Operation;

    async fn consume(&self, operation: Operation) -> Result<(), Fault> {
        self.app.work_off(&operation).await
    }
}

/// Works off what the records of a batch ask for, in order, up to the first that fails.
///
/// # Errors
/// Never: what fails is named in the answer, for the stream to bring it again.
pub async fn handle(
    worker: &Worker,
    batch: LambdaEvent<StreamBatch>,
) -> Result<DynamoDbEventResponse, Error> {
    Ok(stream::deliver(batch.payload, worker).await)
}
