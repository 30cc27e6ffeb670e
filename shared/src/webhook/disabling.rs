//! An endpoint is switched off: it wants no more, or has taken nothing for too long.
//!
//! That, the event that tells of it and the attempt that showed it, if it was one, are one transaction. Whatever else
//! changes at the endpoint meanwhile, such as another attempt that fails, does not undo the reason: it is read again.

use super::{Delivery, DisabledReason, Endpoint, EndpointState};
use crate::app::App;
use crate::event::details::WebhookDisabled;
use crate::event::{Event, EventType, Notice, Origin};
use crate::fault::Fault;
use crate::store::Recorded;

/// How often an endpoint that changes is read again.
const TRIES: usize = 5;

/// What shows that an endpoint is to be switched off.
#[derive(Clone, Copy)]
pub enum Finding<'a> {
    /// An attempt was answered by 410: what its delivery was, and what it is.
    Gone(&'a Delivery, &'a Delivery),
    /// It has taken nothing for five days.
    Failing,
}

impl App {
    /// `endpoint` is switched off because of `finding`, and the attempt recorded, if it was one. `false` if there is
    /// nothing to switch off any more, or another server in its place; nothing is recorded then.
    ///
    /// # Errors
    /// When the table fails, the endpoint changes at each try, or the delivery is no more what it was.
    pub async fn disable(
        &self,
        endpoint: &Endpoint,
        finding: Finding<'_>,
        origin: &Origin,
    ) -> Result<bool, Fault> {
        let (reason, attempt) = match finding {
            Finding::Gone(before, after) => (DisabledReason::Gone, Some((before, after))),
            Finding::Failing => (DisabledReason::Failing, None),
        };
        let (mut found, now) = (Some(endpoint.clone()), self.now());
        for _ in 0..TRIES {
            let Some(before) =
                found.filter(|it| it.state == EndpointState::Enabled && it.url == endpoint.url)
            else {
                return Ok(false);
            };
            if reason == DisabledReason::Failing && !before.health.has_failed_for_long(now) {
                return Ok(false);
            }
            let after = before.clone().disabled(reason, now);
            let event =
                self.disabled(&after, reason, Event::new(EventType::WebhookDisabled, origin, now)).await?;
            match self.store.disable_endpoint((&before, &after), attempt, &event).await? {
                Recorded::Done => return Ok(true),
                Recorded::DeliveryMoved => {
                    return Err(Fault::temporary("recording an attempt", "the delivery moved on meanwhile"));
                }
                Recorded::EndpointChanged => found = self.store.endpoint(&before.tenant, before.id).await?,
            }
        }
        Err(Fault::temporary("switching an endpoint off", "it changed at each try"))
    }

    /// What `event` tells. Who made the endpoint is told by mail, unless its server asked for that.
    async fn disabled(
        &self,
        endpoint: &Endpoint,
        reason: DisabledReason,
        event: Event,
    ) -> Result<Event, Fault> {
        let event = event.within(&endpoint.tenant).telling(WebhookDisabled { webhook: endpoint.id, reason });
        if reason == DisabledReason::Gone {
            return Ok(event);
        }
        let maker = self.store.user(endpoint.created_by).await?;
        Ok(match maker {
            Some(user) => event.to(&user).mail(Notice::WebhookDisabled { webhook: endpoint.id }),
            None => event,
        })
    }
}
