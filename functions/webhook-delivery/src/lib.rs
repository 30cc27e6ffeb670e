//! Delivers webhooks: each message of the queue names a delivery, and when it is due.
//!
//! A message may come twice or too early, and the function may die anywhere. So the table decides, not the message:
//! a delivery is claimed, attempted, and only then moved on by its state; and a message is done only when a later
//! one is in a queue for what is still pending. A receiver may be told twice nevertheless, by the same id.
//!
//! The messages of a batch are worked off at once, and the batch lasts as long as the slowest of them. So that a server
//! which is slow holds up no other, messages that lead to it are moved from the fast lane to the slow one without an
//! attempt, from the moment on at which it lets us wait.

use std::pin::pin;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::{join, join_all};
use lambda_runtime::{Error, LambdaEvent};
use shared::App;
use shared::clock::Timestamp;
use shared::event::Origin;
use shared::fault::Fault;
use shared::queue;
use shared::session::Device;
use shared::store::Recorded;
use shared::webhook::{
    self, Attempt, Delivery, Due, Endpoint, EndpointState, Failure, Finding, Health, Jitter, Lane, Message,
    Next, PROMPT, Reply, Sender, Target,
};
use tokio::time::timeout;

/// How often an endpoint that changes is read again.
const TRIES: usize = 5;

/// Brings deliveries to their endpoints. Cheap to clone.
#[derive(Clone)]
pub struct Courier {
    app: App,
    sender: Sender,
}

impl Courier {
    /// One that works in the table of `app`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(app: App) -> Result<Self, Fault> {
        let sender = Sender::new(&app.config)?;
        Ok(Self { app, sender })
    }

    /// Does what a message asks for, if it is due.
    async fn take(&self, message: &SqsMessage) -> Result<(), Fault> {
        let due: Due = queue::read(message)?;
        let lane = self.lane(message);
        if due.at > self.app.now() {
            return self.put_back(lane, &due).await;
        }
        let Some((delivery, endpoint)) = self.app.store.due_delivery(&due).await? else { return Ok(()) };
        match (delivery.due(), endpoint) {
            // It was delivered or given up.
            (None, _) => Ok(()),
            (Some(later), _) if later.at > self.app.now() => self.put_back(lane, &later).await,
            (Some(due), Some(endpoint)) if endpoint.state == EndpointState::Enabled => {
                match (endpoint.health.rest(self.app.now()), lane, endpoint.health.lane()) {
                    (Some(until), ..) => self.postpone(&delivery, &endpoint, until).await,
                    (None, Lane::Fast, Lane::Slow) => self.put_back(Lane::Slow, &due).await,
                    _ => self.try_out(delivery, endpoint).await,
                }
            }
            // What is gone or switched off is told nothing.
            (Some(_), _) => {
                let given_up = delivery.clone().given_up(self.app.now());
                self.app
                    .store
                    .move_deliveries(&[(&delivery, &given_up)], None, self.app.now())
                    .await
                    .map(drop)
            }
        }
    }

    /// The lane by which a message came.
    fn lane(&self, message: &SqsMessage) -> Lane {
        let source = message.event_source_arn.as_deref().unwrap_or_default();
        match self.app.webhook_queue(Lane::Slow) {
            Ok(slow) if slow.is_named(source) => Lane::Slow,
            _ => Lane::Fast,
        }
    }

    async fn put_back(&self, lane: Lane, due: &Due) -> Result<(), Fault> {
        self.app.webhook_queue(lane)?.put(due, due.at.duration_since(self.app.now())).await
    }

    /// The delivery waits until its endpoint, which wants to be left alone, can be told again.
    async fn postpone(
        &self,
        delivery: &Delivery,
        endpoint: &Endpoint,
        until: Timestamp,
    ) -> Result<(), Fault> {
        let postponed = delivery.clone().postponed(Jitter::random().soon_after(until));
        if !self.app.store.move_deliveries(&[(delivery, &postponed)], None, self.app.now()).await? {
            // The message that is to come again finds where it stands.
            return Err(Fault::temporary("postponing a delivery", "the delivery moved on meanwhile"));
        }
        match postponed.due() {
            Some(due) => self.put_back(endpoint.health.lane(), &due).await,
            None => Ok(()),
        }
    }

    /// Attempts the delivery, unless somebody else is at it, and sees to what follows.
    async fn try_out(&self, delivery: Delivery, endpoint: Endpoint) -> Result<(), Fault> {
        let at = self.app.now();
        if !self.app.store.claim_delivery(&delivery, at).await? {
            // Whoever has it may die: the message is to come again.
            return Err(Fault::temporary("attempting a delivery", "another message is at it"));
        }
        let (reply, waited) = self.post(&delivery, &endpoint, at).await?;
        let now = self.app.now();
        let next = webhook::after(reply, delivery.attempts.len() + 1, now, Jitter::random());
        let took = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let tried = delivery.clone().after(Attempt { at, duration_ms, outcome: reply.outcome }, next);
        if next == Next::Gone {
            let finding = Finding::Gone(&delivery, &tried);
            if self.app.disable(&endpoint, finding, &origin(&delivery)).await? {
                return Ok(());
            }
        }
        let health = if waited { endpoint.health.waited_for(true) } else { endpoint.health };
        let shows =
            |known: Health| known.waited_for(waited).asked_to_rest(reply.rest(), now).after(next, now);
        let health = self.record((&delivery, &tried), Endpoint { health, ..endpoint }, shows).await?;
        match tried.due() {
            Some(due) => self.put_back(health.lane(), &due).await,
            None => Ok(()),
        }
    }

    /// Records an attempt: what its delivery was, and what it is, and what it `shows` of the endpoint's server, whose
    /// health is answered.
    ///
    /// Both are one write: a success that is not known of would have a server that works switched off. Where others noted
    /// something of the server meanwhile, that is read again.
    async fn record(
        &self,
        attempt: (&Delivery, &Delivery),
        endpoint: Endpoint,
        shows: impl Fn(Health) -> Health,
    ) -> Result<Health, Fault> {
        let (id, tenant, url) = (endpoint.id, endpoint.tenant.clone(), endpoint.url.clone());
        let mut found = Some(endpoint);
        for _ in 0..TRIES {
            // Of another server, or of one that nothing leads to any more, it shows nothing.
            let known = found.filter(|it| it.url == url);
            let before = known.as_ref().map(|it| it.health).unwrap_or_default();
            let after = shows(before);
            let news = known.as_ref().filter(|_| before != after).map(|it| (it, after));
            match self.app.store.record_attempt(attempt, news).await? {
                Recorded::Done => return Ok(after),
                Recorded::EndpointChanged => found = self.app.store.endpoint(&tenant, id).await?,
                Recorded::DeliveryMoved => {
                    return Err(Fault::temporary("recording an attempt", "the delivery moved on meanwhile"));
                }
            }
        }
        Err(Fault::temporary("recording an attempt", "its endpoint changed at each try"))
    }

    /// Posts the delivery, if its URL still leads where webhooks may go; the reply, and whether it let us wait.
    ///
    /// An endpoint that lets us wait is known to be slow before it answers, so that what is taken out of the queue
    /// meanwhile does not wait as well.
    async fn post(
        &self,
        delivery: &Delivery,
        endpoint: &Endpoint,
        at: Timestamp,
    ) -> Result<(Reply, bool), Fault> {
        let Ok(target) = Target::parse(&endpoint.url, &self.app.config) else {
            return Ok((Failure::Forbidden.into(), false));
        };
        let secrets = endpoint.secrets.open(&self.app.keys, endpoint.id, at).await?;
        let message = Message::signed(delivery.id, at, delivery.payload.clone(), &secrets);
        let mut post = pin!(self.sender.post(&target, &message));
        if let Ok(reply) = timeout(PROMPT, &mut post).await {
            return Ok((reply, false));
        }
        let (reply, noted) = join(post, self.note_slow(endpoint)).await;
        if let Err(fault) = noted {
            // What is posted has to be recorded all the same.
            tracing::error!(cause = fault.chain(), webhook = %endpoint.id, "nobody knows that an endpoint is slow");
        }
        Ok((reply, true))
    }

    async fn note_slow(&self, endpoint: &Endpoint) -> Result<(), Fault> {
        if endpoint.health.slow {
            return Ok(());
        }
        self.app.store.note_health(endpoint, endpoint.health.waited_for(true)).await
    }
}

/// Where what an attempt of `delivery` shows comes from.
fn origin(delivery: &Delivery) -> Origin {
    let user_agent = concat!("usher/", env!("CARGO_PKG_NAME")).to_owned();
    Origin::new(delivery.id.uuid().to_string(), Device { ip_address: String::new(), user_agent })
}

/// Works off the messages of a batch.
///
/// # Errors
/// Never: what fails is named in the answer, for the queue to bring it again.
pub async fn handle(courier: &Courier, batch: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    let messages = &batch.payload.records;
    let results = join_all(messages.iter().map(|message| courier.take(message))).await;
    Ok(queue::answer(messages, results))
}
