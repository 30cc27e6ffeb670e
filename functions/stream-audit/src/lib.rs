//! Writes the audit trail: a record for each event, from the table's stream.
//!
//! The stream may repeat itself: a record is written once, whatever happens. Events of a chain are recorded together, in
//! one transaction that moves the head of their chain and the counters once. What fails is handed back, and comes again.

use std::collections::BTreeMap;

use aws_lambda_events::event::dynamodb::Event as StreamBatch;
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use lambda_runtime::{Error, LambdaEvent};
use shared::App;
use shared::chain::ChainId;
use shared::event::Event;
use shared::fault::Fault;
use shared::store::RECORDED_TOGETHER;
use shared::stream::{self, Consumer, Failed};

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

    /// Records `events`, all of one chain.
    async fn record(&self, chain: ChainId, events: &[&Event]) -> Result<(), Fault> {
        let Some(tenant) = events.first().map(|event| &event.tenant) else { return Ok(()) };
        // The outbox may keep an event for longer than the trail: a day that is gone does not come back.
        if self.app.is_past_audit(chain.begins()) {
            return Ok(());
        }
        let key = self.app.keys.audit_key().await?;
        self.app.store.record_audit((tenant, chain, key), events, self.app.now()).await
    }
}

impl Consumer for AuditTrail {
    type Item = Event;
    const AT_ONCE: usize = RECORDED_TOGETHER;

    async fn consume(&self, event: Event) -> Result<(), Fault> {
        self.record(ChainId::at(event.at), &[&event]).await
    }

    async fn consume_together(&self, events: Vec<Event>) -> Result<(), Failed> {
        let mut chains: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, event) in events.iter().enumerate() {
            chains.entry((event.tenant.as_str(), ChainId::at(event.at))).or_default().push(index);
        }
        let mut first_failed: Option<Failed> = None;
        for ((_, chain), indexes) in chains {
            let together: Vec<&Event> = indexes.iter().map(|index| &events[*index]).collect();
            if let Err(fault) = self.record(chain, &together).await
                && first_failed.as_ref().is_none_or(|failed| indexes[0] < failed.0)
            {
                first_failed = Some(Failed(indexes[0], fault));
            }
        }
        first_failed.map_or(Ok(()), Err)
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
