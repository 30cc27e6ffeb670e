//! Writes the audit trail: a record for each event, from the table's stream.
//!
//! The stream may repeat itself: a record is written once, whatever happens. What fails is handed back, and
//! comes again.

use aws_lambda_events::event::dynamodb::Event as StreamBatch;
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use lambda_runtime::{Error, LambdaEvent};
use shared::App;
use shared::event::Event;
use shared::fault::Fault;
use shared::stream::{self, Consumer};

/// Writes the audit trail. Cheap to clone.
#[derive(Clone)]
pub struct AuditTrail {
    app: App,
}

impl AuditTrail {
    /// The trail in the table of `app`.
    pub fn new(app: App) -> Self {
        Self { app }
    }
}

impl Consumer for AuditTrail {
    type Item = Event;

    async fn consume(&self, event: Event) -> Result<(), Fault> {
        // The outbox may keep an event for longer than the trail: a day that is gone does not come back.
        if self.app.is_past_audit(event.at) {
            return Ok(());
        }
        let key = self.app.keys.audit_key().await?;
        self.app.store.record_audit(key, &event, self.app.now()).await
    }
}

/// Records the events of a batch, in order, up to the first that fails.
///
/// # Errors
/// Never: what fails is named in the answer, for the stream to bring it again.
pub async fn handle(
    trail: &AuditTrail,
    batch: LambdaEvent<StreamBatch>,
) -> Result<DynamoDbEventResponse, Error> {
    Ok(stream::deliver(batch.payload, trail).await)
}
