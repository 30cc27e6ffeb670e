//! An event becomes a delivery to each endpoint that wants it.
//!
//! An event that is brought twice makes the same deliveries. One that is still pending is put into a queue again:
//! whoever put it into the table may have died before that, and who takes it out of the queue sends it once.
//!
//! What a request makes is brought by nothing a second time. Where it does not get into the queue, it is taken back, and
//! the client hears that it failed: no delivery looks as if it were under way that nobody is going to attempt.

use super::{Delivery, Endpoint, Lane};
use crate::app::App;
use crate::event::Event;
use crate::fault::Fault;

impl App {
    /// Every endpoint that wants `event` is going to be told of it.
    ///
    /// The endpoints are read for each event, so that a new one is told of the next.
    ///
    /// # Errors
    /// When the table or a queue fails; some may be told nevertheless, and none twice if this is tried again.
    pub async fn fan_out(&self, event: &Event) -> Result<(), Fault> {
        let endpoints = self.store.endpoints(&event.tenant).await?;
        let wanting: Vec<&Endpoint> = endpoints.iter().filter(|endpoint| endpoint.wants(event)).collect();
        let deliveries = wanting.iter().map(|endpoint| Delivery::new(event, endpoint, self.now()));
        let open = self.store.open_deliveries(deliveries.collect::<Result<_, _>>()?).await?;
        for lane in Lane::ALL {
            let takes_it = |it: &&Delivery| {
                wanting.iter().any(|endpoint| endpoint.id == it.webhook && endpoint.lane() == lane)
            };
            self.queue(lane, open.iter().filter(takes_it)).await?;
        }
        Ok(())
    }

    /// `endpoint` is going to be told of `event`, whether it wants it or not.
    ///
    /// # Errors
    /// When the table or the queue fails. The delivery is then given up, if it is there.
    pub async fn deliver(&self, event: &Event, endpoint: &Endpoint) -> Result<Delivery, Fault> {
        let delivery = Delivery::new(event, endpoint, self.now())?;
        let queued = async {
            let open = self.store.open_deliveries(vec![delivery.clone()]).await?;
            self.queue(endpoint.lane(), &open).await
        };
        if let Err(fault) = queued.await {
            self.take_back(&[(&delivery, &delivery.clone().given_up(self.now()))]).await;
            return Err(fault);
        }
        Ok(delivery)
    }

    /// `deliveries` to `endpoint`, a hundred at most, are going to be tried once more; `false` if one of them stands
    /// otherwise by now, or is being attempted. What is due is tried without that.
    ///
    /// # Errors
    /// When the table or the queue fails. The deliveries then stand as they stood.
    pub async fn replay(&self, endpoint: &Endpoint, deliveries: &[Delivery]) -> Result<bool, Fault> {
        let now = self.now();
        let is_due = |it: &&Delivery| it.due().is_some_and(|due| due.at <= now);
        let resting: Vec<_> = deliveries.iter().filter(|it| !is_due(it)).collect();
        let again: Vec<_> = resting.iter().map(|delivery| (*delivery).clone().replayed(now)).collect();
        let moves: Vec<_> = resting.iter().copied().zip(&again).collect();
        let queued = async {
            if !self.store.move_deliveries(&moves, now).await? {
                return Ok(false);
            }
            self.queue(endpoint.lane(), &again).await.map(|()| true)
        };
        let queued = queued.await;
        if queued.is_err() {
            self.take_back(&again.iter().zip(resting).collect::<Vec<_>>()).await;
        }
        queued
    }

    /// Undoes what did not get into the queue, as far as it was done: an answer that is lost does not tell.
    async fn take_back(&self, moves: &[(&Delivery, &Delivery)]) {
        if let Err(fault) = self.store.move_deliveries(moves, self.now()).await {
            tracing::error!(cause = fault.chain(), "deliveries are pending that nobody attempts");
        }
    }

    /// What is pending of `deliveries` is looked at by whoever works off the lane, at once.
    async fn queue(&self, lane: Lane, deliveries: impl IntoIterator<Item = &Delivery>) -> Result<(), Fault> {
        let due: Vec<_> = deliveries.into_iter().filter_map(Delivery::due).collect();
        if due.is_empty() { Ok(()) } else { self.webhook_queue(lane)?.put_all(&due).await }
    }
}
