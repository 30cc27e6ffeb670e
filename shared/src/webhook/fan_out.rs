//! An event becomes a delivery to each endpoint that wants it.
//!
//! An event that is brought twice makes the same deliveries. One that is still pending is put into a queue again:
//! whoever put it into the table may have died before that, and who takes it out of the queue sends it once.
//!
//! What a request makes is put into the table first, too. Where the queue then fails, the client hears of it. The
//! clean-up puts a message there within two hours, and asking for a replay again does at once.

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
                wanting.iter().any(|endpoint| endpoint.id == it.webhook && endpoint.health.lane() == lane)
            };
            self.queue(lane, open.iter().filter(takes_it)).await?;
        }
        Ok(())
    }

    /// `endpoint` is going to be told of `event`, whether it wants it or not.
    ///
    /// # Errors
    /// When the table or the queue fails. The delivery may be there then, and is attempted once the clean-up finds it.
    pub async fn deliver(&self, event: &Event, endpoint: &Endpoint) -> Result<Delivery, Fault> {
        let delivery = Delivery::new(event, endpoint, self.now())?;
        let open = self.store.open_deliveries(vec![delivery.clone()]).await?;
        self.queue(endpoint.health.lane(), &open).await?;
        Ok(delivery)
    }

    /// `deliveries` to `endpoint`, 99 at most, are going to be tried once more, which `event` tells; `false` if one of them
    /// stands otherwise by now, or is being attempted.
    ///
    /// What is due already is left as it is, and queued all the same: the message that leads to it may be lost.
    ///
    /// # Errors
    /// When the table or the queue fails. This can be tried again.
    pub async fn replay(
        &self,
        endpoint: &Endpoint,
        deliveries: &[Delivery],
        event: &Event,
    ) -> Result<bool, Fault> {
        if deliveries.is_empty() {
            return Ok(true);
        }
        let now = self.now();
        let (due, resting): (Vec<_>, Vec<_>) =
            deliveries.iter().partition(|it| it.due().is_some_and(|due| due.at <= now));
        let again: Vec<_> = resting.iter().map(|delivery| (*delivery).clone().replayed(now)).collect();
        let moves: Vec<_> = resting.into_iter().zip(&again).collect();
        if !self.store.move_deliveries(&moves, Some(event), now).await? {
            return Ok(false);
        }
        self.queue(endpoint.health.lane(), due.into_iter().chain(&again)).await?;
        Ok(true)
    }

    /// What is pending of `deliveries` is looked at by whoever works off the lane, at once.
    async fn queue(&self, lane: Lane, deliveries: impl IntoIterator<Item = &Delivery>) -> Result<(), Fault> {
        let due: Vec<_> = deliveries.into_iter().filter_map(Delivery::due).collect();
        if due.is_empty() { Ok(()) } else { self.webhook_queue(lane)?.put_all(&due).await }
    }
}
