//! Tells of an event whoever is to hear of it, from the table's stream: queues its mail and its webhooks, and sweeps up
//! after whoever was erased.
//!
//! It waits for no server but those of the table and the queues: what is slow or fails behind a queue holds up nothing here.
//! An event that the stream brings again is queued again; the table then says what of it was sent.

use aws_lambda_events::event::dynamodb::Event as StreamBatch;
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use lambda_runtime::{Error, LambdaEvent};
use shared::App;
use shared::event::{Event, EventType};
use shared::fault::Fault;
use shared::mail::Order;
use shared::stream::{self, Consumer};

/// Puts what is to be told into queues. Cheap to clone.
#[derive(Clone)]
pub struct Fanout(App);

impl Fanout {
    /// One that works in the table of `app`.
    pub fn new(app: App) -> Self {
        Self(app)
    }

    /// The mail that `event` asks for is going to be sent.
    async fn mail(&self, event: &Event) -> Result<(), Fault> {
        match Order::of(event) {
            Some(order) => self.0.mail_queue()?.put_all(&[order]).await,
            None => Ok(()),
        }
    }

    /// Of whoever `event` erased, nothing is left. Of those who erased themselves it is done already, unless the function
    /// died on the way or there was too much.
    async fn sweep(&self, event: &Event) -> Result<(), Fault> {
        let erased = matches!(event.event_type, EventType::UserDeleted | EventType::SystemUserErased);
        match event.subject.filter(|_| erased) {
            Some(user) => self.0.store.sweep(user, usize::MAX).await,
            None => Ok(()),
        }
    }
}

impl Consumer for Fanout {
    type Item = Event;
    // They wait for the table and for the queues, not for each other.
    const AT_ONCE: usize = 10;

    async fn consume(&self, event: Event) -> Result<(), Fault> {
        // Neither waits for the other, and neither for a sweep, which takes long where there is much.
        let (mailed, queued) = tokio::join!(self.mail(&event), self.0.fan_out(&event));
        let swept = self.sweep(&event).await;
        mailed.and(queued).and(swept)
    }
}

/// Queues what the events of a batch ask for, up to the first that fails.
///
/// # Errors
/// Never: what fails is named in the answer, for the stream to bring it again.
pub async fn handle(
    fanout: &Fanout,
    batch: LambdaEvent<StreamBatch>,
) -> Result<DynamoDbEventResponse, Error> {
    Ok(stream::deliver(batch.payload, fanout).await)
}
