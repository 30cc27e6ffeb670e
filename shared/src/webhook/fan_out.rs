//! An event becomes a delivery to each endpoint that wants it.
//!
//! An event that is brought twice makes the same deliveries. One that is still pending is put into the queue again:
//! whoever put it into the table may have died before that, and who takes it out of the queue sends it once.

use futures::future::try_join_all;

use super::{Delivery, Endpoint};
use crate::app::App;
use crate::event::Event;
use crate::fault::Fault;

impl App {
    /// Every endpoint that wants `event` is going to be told of it.
    ///
    /// The endpoints are read for each event, so that a new one is told of the next.
    ///
    /// # Errors
    /// When the table or the queue fails; some may be told nevertheless, and none twice if this is tried again.
    pub async fn fan_out(&self, event: &Event) -> Result<(), Fault> {
        let endpoints = self.store.endpoints(&event.tenant).await?;
        let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(event));
        let deliver = wanting.map(|endpoint| async move {
            self.store.open_delivery(Delivery::new(event, endpoint, self.now())?).await
        });
        self.queue(&try_join_all(deliver).await?).await
    }

    /// `endpoint` is going to be told of `event`, whether it wants it or not.
    ///
    /// # Errors
    /// When the table or the queue fails.
    pub async fn deliver(&self, event: &Event, endpoint: &Endpoint) -> Result<Delivery, Fault> {
        let delivery = self.store.open_delivery(Delivery::new(event, endpoint, self.now())?).await?;
        self.queue(std::slice::from_ref(&delivery)).await?;
        Ok(delivery)
    }

    /// What is pending of `deliveries` is looked at by whoever works off the queue, at once.
    ///
    /// # Errors
    /// When the queue fails.
    pub async fn queue(&self, deliveries: &[Delivery]) -> Result<(), Fault> {
        let due: Vec<_> = deliveries.iter().filter_map(Delivery::due).collect();
        if due.is_empty() { Ok(()) } else { self.webhook_queue()?.put_all(&due).await }
    }
}
