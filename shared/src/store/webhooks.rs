//! Webhook endpoints, and the deliveries to them.
//!
//! A person's change of an endpoint asks for its version and its state. So does switching it off, which raises no version:
//! who edits an endpoint does not lose their work because a delivery failed. What attempts show of its server asks for the
//! server, by its URL, and for what was known of it.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::Store;
use super::accounts::still;
use super::events::outbox;
use super::key::{self, Key};
use super::table::{Outcome, Range, Refused, parse};
use super::users::text;
use super::write::{Item, Write};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::{ClaimId, DeliveryId, TenantId, WebhookId};
use crate::user::User;
use crate::webhook::{Delivery, DeliveryState, Due, Endpoint, Health};

/// How many endpoints a tenant may have. Of 6 KB each at most, they fit into the 1 MB that a query reads.
const MOST_ENDPOINTS: u32 = 50;
/// How far the deliveries to an endpoint are counted: what one call reads.
const COUNTED: i32 = 1_000;
/// How long a claim keeps others from a delivery, in seconds: longer than an attempt lasts, shorter than the queue
/// hides a message.
const CLAIM_SECONDS: i64 = 60;

/// What became of an endpoint that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointAddition {
    /// It exists.
    Added,
    /// The tenant has as many as it may have; nothing was written.
    TooMany,
    /// Whoever was to make it has another role or state by now; nothing was written.
    ActorChanged,
}

/// What became of an attempt, or of what it shows of its endpoint, that was to be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Recorded {
    /// It is.
    Done,
    /// The endpoint stands otherwise by now; nothing was written.
    EndpointChanged,
    /// The delivery stands otherwise by now; nothing was written.
    DeliveryMoved,
}

/// A person's change of an endpoint.
pub struct EndpointChange<'a> {
    /// What it was when the change was decided.
    pub before: &'a Endpoint,
    /// What it is to be.
    pub after: &'a Endpoint,
    /// Whether its server's health is that of `after`, too, whatever attempts show meanwhile.
    pub with_health: bool,
}

/// Deliveries that nobody attempted in time.
#[derive(Clone, Debug)]
pub struct Overdue {
    /// What the queue is told of them.
    pub due: Vec<Due>,
    /// Whether there may be more.
    pub left: bool,
}

/// A page of the deliveries to an endpoint, newest first.
#[derive(Clone, Debug)]
pub struct DeliveryPage {
    /// They.
    pub deliveries: Vec<Delivery>,
    /// The place behind which the next page begins, if there is one.
    pub next: Option<DeliveryPlace>,
    /// How many there are in all; 1,000 are counted at most.
    pub total: u64,
}

/// A delivery's place among those to its endpoint, by time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveryPlace {
    /// Its sort key in the index.
    sort: String,
    /// Which it is.
    pub id: DeliveryId,
}

impl Store {
    /// A tenant's endpoint, if there is one.
    pub async fn endpoint(&self, tenant: &TenantId, id: WebhookId) -> Result<Option<Endpoint>, Fault> {
        self.table.get(&Key::endpoint(tenant, id)).await
    }

    /// All endpoints of a tenant.
    pub async fn endpoints(&self, tenant: &TenantId) -> Result<Vec<Endpoint>, Fault> {
        let range = Range {
            partition: key::endpoints_of(tenant),
            prefix: Some(key::ENDPOINTS.to_owned()),
            ..Range::default()
        };
        let items = self.table.query(range).await?.items.unwrap_or_default();
        items.into_iter().map(parse).collect()
    }

    /// The endpoint exists by the will of `actor`, and `event` is told.
    ///
    /// Guarded by the actor's role and state being those by which it was decided, and by the number of the tenant's
    /// endpoints.
    pub async fn add_endpoint(
        &self,
        actor: &User,
        endpoint: &Endpoint,
        event: &Event,
    ) -> Result<EndpointAddition, Fault> {
        let put = Write::put(Key::endpoint(&endpoint.tenant, endpoint.id), "endpoint", endpoint)?;
        let count = Write::update(Key::endpoint_count(&endpoint.tenant))
            .add("endpoints", 1)
            .only_if("attribute_not_exists(#endpoints) OR #endpoints < :most")
            .value("most", MOST_ENDPOINTS)?;
        let writes = vec![still(actor.id, &actor.role)?, count, put.unless_exists(), outbox(event)?];
        Ok(match self.table.transact(writes).await? {
            Outcome::Written(()) => EndpointAddition::Added,
            Outcome::Refused(refused) if refused.iter().any(|it| it.index == 0) => {
                EndpointAddition::ActorChanged
            }
            Outcome::Refused(_) => EndpointAddition::TooMany,
        })
    }

    /// The endpoint is as `change` says, by the will of `actor`, and `event` is told.
    ///
    /// Guarded by the actor's role and state being those by which it was decided, and by the endpoint having the
    /// version and the state that it had then. `false` if one of that changed since.
    pub async fn change_endpoint(
        &self,
        actor: &User,
        change: EndpointChange<'_>,
        event: &Event,
    ) -> Result<bool, Fault> {
        let changed = change.after;
        let write = standing(change.before)?
            .set("url", &changed.url)?
            .set("description", &changed.description)?
            .set("events", &changed.events)?
            .set("state", changed.state)?
            .set("secrets", &changed.secrets)?
            .set("updated_at", changed.updated_at)?
            .add("version", 1);
        let write = if change.with_health { healthy_as(write, changed.health)? } else { write };
        let outcome = self.table.transact(vec![still(actor.id, &actor.role)?, write, outbox(event)?]).await?;
        Ok(matches!(outcome, Outcome::Written(())))
    }

    /// The endpoint is gone by the will of `actor`, and `event` is told. Its deliveries lead nowhere from then on,
    /// and expire.
    ///
    /// Guarded by the actor's role and state being those by which it was decided, and by the endpoint's version.
    /// `false` if one of that changed since.
    pub async fn remove_endpoint(
        &self,
        actor: &User,
        endpoint: &Endpoint,
        event: &Event,
    ) -> Result<bool, Fault> {
        let delete = Write::delete(Key::endpoint(&endpoint.tenant, endpoint.id))
            .only_if("#version = :version")
            .value("version", endpoint.version)?;
        let count = Write::update(Key::endpoint_count(&endpoint.tenant))
            .add("endpoints", -1)
            .only_if("attribute_exists(#PK)");
        let writes = vec![still(actor.id, &actor.role)?, delete, count, outbox(event)?];
        Ok(matches!(self.table.transact(writes).await?, Outcome::Written(())))
    }

    /// The endpoint's server is known to be as an attempt shows it.
    ///
    /// Guarded by its URL and its health being those that the attempt began with. Where they are not, nothing is written:
    /// another attempt or a person was first.
    pub async fn note_health(&self, endpoint: &Endpoint, health: Health) -> Result<(), Fault> {
        self.table.transact(vec![noting(endpoint, health)?]).await.map(drop)
    }

    /// The endpoint is switched off, as `after` says, `event` is told, and the attempt that showed it, if it was one, is
    /// recorded: what the delivery was, and what it is.
    ///
    /// Guarded by the endpoint's version, state and failures, and by the delivery's state.
    pub async fn disable_endpoint(
        &self,
        (before, after): (&Endpoint, &Endpoint),
        attempt: Option<(&Delivery, &Delivery)>,
        event: &Event,
    ) -> Result<Recorded, Fault> {
        let write = standing(before)?.set("state", after.state)?;
        let write = unchanged(write, "failing_since", before.health.failing_since)?;
        let mut writes = vec![write, outbox(event)?];
        writes.extend(attempt.map(moving).transpose()?);
        Ok(match self.table.transact(writes).await? {
            Outcome::Written(()) => Recorded::Done,
            Outcome::Refused(refused) if refused.iter().any(|it| it.index == 0) => Recorded::EndpointChanged,
            Outcome::Refused(_) => Recorded::DeliveryMoved,
        })
    }

    /// The deliveries exist; what is returned is how they stand, in any order. A transaction holds a hundred.
    ///
    /// Guarded by there being none of them: those that exist stay as they are, and the others are made without them.
    pub async fn open_deliveries(&self, mut deliveries: Vec<Delivery>) -> Result<Vec<Delivery>, Fault> {
        let mut open = Vec::new();
        while !deliveries.is_empty() {
            let puts = deliveries.iter().map(opening).collect::<Result<_, _>>()?;
            match self.table.transact(puts).await? {
                Outcome::Written(()) => open.append(&mut deliveries),
                Outcome::Refused(refused) => {
                    for Refused { index, old } in refused.into_iter().rev() {
                        let new = deliveries.remove(index);
                        open.push(old.map_or(Ok(new), parse)?);
                    }
                }
            }
        }
        Ok(open)
    }

    /// A delivery to an endpoint, if there is one.
    pub async fn delivery(&self, webhook: WebhookId, id: DeliveryId) -> Result<Option<Delivery>, Fault> {
        self.table.get(&Key::delivery(webhook, id)).await
    }

    /// A delivery, if there is one, and its endpoint, if that is still there.
    pub async fn due_delivery(&self, due: &Due) -> Result<Option<(Delivery, Option<Endpoint>)>, Fault> {
        let keys = [Key::delivery(due.webhook, due.delivery), Key::endpoint(&due.tenant, due.webhook)];
        let mut found = self.table.batch_get(&keys).await?;
        let [delivery, endpoint] = keys.map(|key| found.remove(&key));
        let Some(delivery) = delivery else { return Ok(None) };
        Ok(Some((parse(delivery)?, endpoint.map(parse).transpose()?)))
    }

    /// A tenant's deliveries that should have been attempted before `time`: of each shard the first `most`, the longest due
    /// first.
    pub async fn overdue_deliveries(
        &self,
        tenant: &TenantId,
        time: Timestamp,
        most: usize,
    ) -> Result<Overdue, Fault> {
        let of_shard = |shard| {
            let range = Range {
                index: Some(key::PENDING),
                partition: key::pending_shard(tenant, shard),
                from: Some(key::sortable(Timestamp::UNIX_EPOCH)),
                to: Some(key::sortable(time)),
                ascending: true,
                limit: i32::try_from(most).ok(),
                ..Range::default()
            };
            self.table.query_all(range, most)
        };
        let shards = try_join_all((0..key::PENDING_SHARDS).map(of_shard)).await?;
        let left = shards.iter().any(|items| items.len() == most);
        Ok(Overdue { due: shards.iter().flatten().filter_map(|item| due(tenant, item)).collect(), left })
    }

    /// A page of an endpoint's deliveries behind the place `after`, newest first, `skip` of them passed over. What was
    /// made this moment may be missing.
    pub async fn deliveries(
        &self,
        webhook: WebhookId,
        after: Option<&DeliveryPlace>,
        (skip, limit): (usize, usize),
    ) -> Result<DeliveryPage, Fault> {
        // One more than asked for tells whether there is a next page.
        let wanted = skip + limit + 1;
        let range = Range { after: after.map(|place| place.start(webhook)), ..deliveries_to(webhook) };
        let counted = Range { counted: true, limit: Some(COUNTED), ..deliveries_to(webhook) };
        let (places, counted) =
            tokio::try_join!(self.delivery_places(range, wanted), self.table.query(counted))?;
        let more = places.len() >= wanted;
        let page: Vec<DeliveryPlace> = places.into_iter().skip(skip).take(limit).collect();
        Ok(DeliveryPage {
            deliveries: self.deliveries_at(webhook, &page).await?,
            next: page.last().cloned().filter(|_| more),
            total: u64::try_from(counted.count).unwrap_or_default(),
        })
    }

    /// The places of the first `most` of an endpoint's deliveries that were made in a span, oldest first.
    pub async fn deliveries_of(
        &self,
        webhook: WebhookId,
        (since, until): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<DeliveryPlace>, Fault> {
        let range = Range {
            from: Some(key::sortable(since)),
            to: Some(key::behind(until)),
            ascending: true,
            ..deliveries_to(webhook)
        };
        self.delivery_places(range, most).await
    }

    async fn delivery_places(&self, range: Range, most: usize) -> Result<Vec<DeliveryPlace>, Fault> {
        let range = Range { limit: i32::try_from(most).ok(), ..range };
        let items = self.table.query_all(range, most).await?;
        Ok(items.iter().filter_map(DeliveryPlace::of).collect())
    }

    /// These deliveries to an endpoint, a hundred at most, in this order.
    pub async fn deliveries_at(
        &self,
        webhook: WebhookId,
        places: &[DeliveryPlace],
    ) -> Result<Vec<Delivery>, Fault> {
        let keys: Vec<Key> = places.iter().map(|place| Key::delivery(webhook, place.id)).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.table.batch_get(&keys).await?;
        keys.iter().filter_map(|key| found.remove(key)).map(parse).collect()
    }

    /// The delivery is ours to attempt for a minute; `false` if it is another's, or stands no more as it did.
    ///
    /// Guarded by its state, which each attempt changes, and by nobody else's claim.
    pub async fn claim_delivery(&self, delivery: &Delivery, now: Timestamp) -> Result<bool, Fault> {
        let claim = ClaimId::random();
        let write = in_state(delivery)?
            .set("claimed_until", now.as_second() + CLAIM_SECONDS)?
            .set("claimed_by", claim)?;
        let Outcome::Refused(refused) = self.table.transact(vec![unclaimed(write, now)?]).await? else {
            return Ok(true);
        };
        // It is ours nevertheless where the answer was lost, and the SDK asked again.
        let claimed_by = |item: &Item| text(item, "claimed_by").map(ToOwned::to_owned);
        let owner = refused.iter().find_map(|it| it.old.as_ref().and_then(claimed_by));
        Ok(owner.is_some_and(|owner| owner == claim.to_string()))
    }

    /// The delivery is what its attempt made of it, and nobody's, and the endpoint's server is known to be as the attempt
    /// shows it, where that is new.
    ///
    /// Guarded by the state that was attempted, and by the endpoint's URL and health being those that it is compared with.
    pub async fn record_attempt(
        &self,
        (before, after): (&Delivery, &Delivery),
        news: Option<(&Endpoint, Health)>,
    ) -> Result<Recorded, Fault> {
        let mut writes = vec![moving((before, after))?];
        writes.extend(news.map(|(endpoint, health)| noting(endpoint, health)).transpose()?);
        let outcome = self.table.transact(writes).await?;
        if let Outcome::Refused(refused) = &outcome
            && refused.iter().all(|it| it.index == 1)
        {
            return Ok(Recorded::EndpointChanged);
        }
        Ok(if moved(outcome, &[(before, after)])? { Recorded::Done } else { Recorded::DeliveryMoved })
    }

    /// Each delivery is as the second of its pair says, and `event` is told, if there is one.
    ///
    /// Guarded by the states that the first ones have, and by nobody attempting one of them at `now`: all are written or,
    /// if one stands otherwise by now, none (`false`). A transaction holds 99 and the event.
    pub async fn move_deliveries(
        &self,
        moves: &[(&Delivery, &Delivery)],
        event: Option<&Event>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let writes = moves.iter().map(|it| unclaimed(moving(*it)?, now)).chain(event.map(outbox));
        let outcome = self.table.transact(writes.collect::<Result<_, _>>()?).await?;
        moved(outcome, moves)
    }
}

impl DeliveryPlace {
    /// The place as a start key among the deliveries to its endpoint.
    fn start(&self, webhook: WebhookId) -> Item {
        let mut key = Key::delivery(webhook, self.id).attributes();
        key.insert(key::DELIVERIES.pk.to_owned(), AttributeValue::S(key::deliveries_to(webhook)));
        key.insert(key::DELIVERIES.sk.to_owned(), AttributeValue::S(self.sort.clone()));
        key
    }

    fn of(item: &Item) -> Option<Self> {
        let sort = text(item, key::DELIVERIES.sk)?.to_owned();
        Some(Self { sort, id: text(item, "SK")?.parse().ok()? })
    }
}

/// All deliveries to an endpoint, newest first.
fn deliveries_to(webhook: WebhookId) -> Range {
    let partition = key::deliveries_to(webhook);
    Range { index: Some(key::DELIVERIES), partition, ..Range::default() }
}

/// What an item of [`key::PENDING`] tells, which has keys only.
fn due(tenant: &TenantId, item: &Item) -> Option<Due> {
    Some(Due {
        tenant: tenant.clone(),
        webhook: key::webhook_of(text(item, "PK")?)?,
        delivery: text(item, "SK")?.parse().ok()?,
        at: text(item, key::PENDING.sk)?.parse().ok()?,
    })
}

/// The write that makes a delivery, if there is none.
fn opening(delivery: &Delivery) -> Result<Write, Fault> {
    let put = Write::put(Key::delivery(delivery.webhook, delivery.id), "delivery", delivery)?
        .with(key::DELIVERIES.pk, key::deliveries_to(delivery.webhook))?
        .with(key::DELIVERIES.sk, key::by_making(delivery.created_at, delivery.id))?
        .with(key::PENDING.pk, key::pending_of(&delivery.tenant, delivery.id))?
        .with(key::PENDING.sk, key::sortable(delivery.created_at))?;
    Ok(put.unless_exists())
}

/// A change of what is known of the endpoint's server, if that is what it was.
fn noting(endpoint: &Endpoint, health: Health) -> Result<Write, Fault> {
    let was = endpoint.health;
    let write = Write::update(Key::endpoint(&endpoint.tenant, endpoint.id))
        .only_if("#url = :url")
        .value("url", &endpoint.url)?;
    let write = unchanged(write, "failing_since", was.failing_since)?;
    let write = unchanged(write, "slow", was.slow.then_some(true))?;
    healthy_as(unchanged(write, "rests_until", was.rests_until)?, health)
}

/// `write`, by which the endpoint has this health: attributes that are there or not.
fn healthy_as(write: Write, health: Health) -> Result<Write, Fault> {
    write
        .set("failing_since", health.failing_since)?
        .set("slow", health.slow.then_some(true))?
        .set("rests_until", health.rests_until)
}

/// `write`, if the item's `name` is what it `was`, or not there.
fn unchanged(write: Write, name: &str, was: Option<impl Serialize>) -> Result<Write, Fault> {
    match was {
        Some(was) => write.only_if(&format!("#{name} = :{name}")).value(name, was),
        None => Ok(write.only_if(&format!("attribute_not_exists(#{name})"))),
    }
}

/// A change of the endpoint, if it stands as `before` says.
fn standing(before: &Endpoint) -> Result<Write, Fault> {
    Write::update(Key::endpoint(&before.tenant, before.id))
        .only_if("#version = :version AND #state = :state")
        .value("version", before.version)?
        .value("state", before.state)
}

/// The write that makes of the first of a pair the second, which is nobody's.
fn moving((before, after): (&Delivery, &Delivery)) -> Result<Write, Fault> {
    let write = in_state(before)?.set("state", after.state)?.set("attempts", &after.attempts)?;
    let write = write.set("expires_at", after.expires_at)?.remove("claimed_until").remove("claimed_by");
    match after.due() {
        Some(due) => write
            .set(key::PENDING.pk, key::pending_of(&after.tenant, after.id))?
            .set(key::PENDING.sk, key::sortable(due.at)),
        None => Ok(write.remove(key::PENDING.pk).remove(key::PENDING.sk)),
    }
}

/// Whether `moves` were written.
fn moved(outcome: Outcome<()>, moves: &[(&Delivery, &Delivery)]) -> Result<bool, Fault> {
    let Outcome::Refused(refused) = outcome else { return Ok(true) };
    let ([(_, after)], [Refused { old: Some(old), .. }]) = (moves, &refused[..]) else {
        return Ok(false);
    };
    // It stands as it is to: the answer was lost, and the SDK asked again. A state names a time of its own.
    parse(old.clone()).map(|old: Delivery| old.state == after.state)
}

/// `write`, if nobody attempts the delivery at `now`.
fn unclaimed(write: Write, now: Timestamp) -> Result<Write, Fault> {
    write
        .only_if("attribute_not_exists(#claimed_until) OR #claimed_until <= :now")
        .value("now", now.as_second())
}

/// A change of the delivery, if it is in the state that `before` has. The state of one that is pending names its
/// next attempt, and so no other.
fn in_state(before: &Delivery) -> Result<Write, Fault> {
    let state: DeliveryState = before.state;
    Write::update(Key::delivery(before.webhook, before.id)).only_if("#state = :state").value("state", state)
}
