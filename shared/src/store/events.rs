//! Events, and what their consumers keep: the audit trail, and which mails were sent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Store;
use super::chain::kept;
use super::key::{self, Key};
use super::table::{Outcome, Range, parse};
use super::write::Write;
use crate::chain::{ChainId, Kept};
use crate::clock::Timestamp;
use crate::event::{Event, EventType};
use crate::fault::Fault;
use crate::id::{ClaimId, EventId, TenantId, UserId};
use crate::privacy::KeptDevice;

/// How long a function that died keeps others from sending a mail: as long as it may run, by `template.yaml`.
const CLAIM_SECONDS: i64 = 30;

/// How many refusals of one person that anybody may cause at will are told in an hour.
const MOST_DENIALS: u32 = 20;

/// An event as the audit trail keeps it: what happened, without what was to be done about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditRecord {
    /// The event's identifier.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// In which tenant.
    pub tenant: TenantId,
    /// When.
    pub at: Timestamp,
    /// Whom it was done to, if to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<UserId>,
    /// Who did it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<UserId>,
    /// The request that did it.
    pub request_id: String,
    /// From where.
    #[serde(flatten)]
    pub device: KeptDevice,
    /// Further details.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
}

impl AuditRecord {
    /// The person to show for it: who did it; where nobody knows, to whom it was done.
    pub fn user_id(&self) -> Option<UserId> {
        self.actor.or(self.subject)
    }
}

impl From<&Event> for AuditRecord {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type,
            tenant: event.tenant.clone(),
            at: event.at,
            subject: event.subject,
            actor: event.actor,
            request_id: event.request_id.clone(),
            device: event.device.clone(),
            data: event.data.clone(),
        }
    }
}

/// Whether a mail is ours to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailClaim {
    /// It is ours now.
    Ours,
    /// It was sent.
    Sent,
    /// Somebody else is at it, or died at it a moment ago.
    Busy,
}

/// The mark of a mail.
#[derive(Serialize, Deserialize)]
struct MailMark {
    sent: bool,
    claimed_by: ClaimId,
    claimed_until: i64,
    expires_at: i64,
}

/// The write that puts `event` into the outbox.
pub(super) fn outbox(event: &Event) -> Result<Write, Fault> {
    Ok(Write::put(Key::event(event.id), "event", event)?.unless_exists())
}

/// The write that counts a refusal of `user`, if fewer than twenty of theirs were counted in the same hour.
pub(super) fn denial(user: UserId, at: Timestamp) -> Result<Write, Fault> {
    Write::update(Key::denials(user, at))
        .set("expires_at", at.as_second() + 2 * 3_600)?
        .add("denied", 1)
        .only_if("attribute_not_exists(#denied) OR #denied < :most")
        .value("most", MOST_DENIALS)
}

impl Store {
    /// Writes an event that comes with no change.
    pub async fn tell(&self, event: &Event) -> Result<(), Fault> {
        self.table.transact(vec![outbox(event)?]).await.map(drop)
    }

    /// That `user` was refused is told by `event`, if fewer than twenty refusals of theirs were in the same hour.
    pub async fn tell_denial(&self, user: UserId, event: &Event) -> Result<(), Fault> {
        self.table.transact(vec![denial(user, event.at)?, outbox(event)?]).await.map(drop)
    }

    /// The records of what happened in a tenant from `since` to `now`, which are a day apart at most, as they are found, the
    /// newest first.
    pub async fn recent_audit(
        &self,
        tenant: &TenantId,
        (since, now): (Timestamp, Timestamp),
        limit: i32,
    ) -> Result<Vec<Kept>, Fault> {
        let mut days = vec![ChainId::at(now).day, ChainId::at(since).day];
        days.dedup();
        let mut items = Vec::new();
        for day in days {
            let range = Range {
                partition: key::audit_of(tenant, day),
                from: Some(key::sortable(since)),
                to: Some(key::behind(now)),
                limit: Some(limit),
                ..Range::default()
            };
            items.extend(self.table.query(range).await?.items.unwrap_or_default());
        }
        Ok(items.into_iter().take(usize::try_from(limit).unwrap_or_default()).map(kept).collect())
    }

    /// An event, as long as the outbox keeps it: longer than that, the mark of its mail may not be there.
    pub async fn event(&self, id: EventId, now: Timestamp) -> Result<Option<Event>, Fault> {
        let event: Option<Event> = self.table.get(&Key::event(id)).await?;
        Ok(event.filter(|event| event.expires_at > now.as_second()))
    }

    /// Claims the mail of an event for half a minute: of several who try, one sends it. A claim that was made, and not
    /// heard of, is made once more by the same call.
    pub async fn claim_mail(&self, id: EventId, now: Timestamp) -> Result<MailClaim, Fault> {
        let (now, claim) = (now.as_second(), ClaimId::random());
        let (claimed_until, expires_at) = (now + CLAIM_SECONDS, now + 8 * 86_400);
        let mark = MailMark { sent: false, claimed_by: claim, claimed_until, expires_at };
        let free = "#claimed_by = :claim OR #claimed_until <= :now";
        let write = Write::put(Key::mail(id), "mail", &mark)?
            .only_if(&format!("attribute_not_exists(#PK) OR (#sent = :sent AND ({free}))"))
            .value("sent", false)?
            .value("claim", claim)?
            .value("now", now)?;
        match self.table.transact(vec![write]).await? {
            Outcome::Written(()) => Ok(MailClaim::Ours),
            Outcome::Refused(refused) => {
                let old = refused.into_iter().find_map(|refused| refused.old);
                let mark: Option<MailMark> = old.map(parse).transpose()?;
                Ok(if mark.is_some_and(|mark| mark.sent) { MailClaim::Sent } else { MailClaim::Busy })
            }
        }
    }

    /// The mail of an event is sent: nobody will send it again.
    pub async fn mail_sent(&self, id: EventId) -> Result<(), Fault> {
        let write = Write::update(Key::mail(id)).set("sent", true)?.only_if("attribute_exists(#PK)");
        self.table.transact(vec![write]).await.map(drop)
    }

    /// The mail of an event could not be sent: whoever tries next may claim it at once.
    pub async fn release_mail(&self, id: EventId) -> Result<(), Fault> {
        let write = Write::update(Key::mail(id)).set("claimed_until", 0)?.only_if("attribute_exists(#PK)");
        self.table.transact(vec![write]).await.map(drop)
    }
}
