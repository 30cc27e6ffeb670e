//! Sends mails: each message of the queue names an event, and the event says what its person is to be told.
//!
//! A message may come twice, late and out of order. So the table decides, not the message: a mail is claimed before it is
//! sent and marked when it is, and one that is marked is not sent again. Should the process die between the claim and
//! the mark, the claim ends by itself before the message comes again: that mail may then come twice.
//!
//! What SES does not take for now comes again. What it refuses is released and told by an alarm, for most often it refuses
//! the account, all of whose mails it would refuse: where it has not verified the sender, or the account is in its sandbox.
//! A replay of the events brings these mails once that is mended.

mod letter;

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, LambdaEvent};
use shared::App;
use shared::email::Email;
use shared::event::{Event, Notice};
use shared::fault::Fault;
use shared::mail::{Mailer, Order, SendError};
use shared::queue;
use shared::store::MailClaim;
use shared::user::User;

/// The message in the log, for which `template.yaml` has a filter.
const REFUSED: &str = "SES refused a mail";

/// Brings mails to SES. Cheap to clone.
#[derive(Clone)]
pub struct Postman {
    app: App,
    mailer: Mailer,
}

impl Postman {
    /// One that works in the table of `app`, with SES reached as `aws` says.
    pub fn new(app: App, aws: &SdkConfig) -> Self {
        let mailer = Mailer::new(aws, &app.config.mail_from);
        Self { app, mailer }
    }

    /// Sends the mail that a message asks for, unless it was sent, or there is nobody to be told any more.
    async fn take(&self, message: &SqsMessage) -> Result<(), Fault> {
        let order: Order = queue::read(message)?;
        let Some(event) = self.app.store.event(order.event, self.app.now()).await? else {
            tracing::warn!(event_id = %order.event, "a message came later than the outbox keeps its event");
            return Ok(());
        };
        let (Some(notice), Some(user)) = (&event.mail, event.subject) else { return Ok(()) };
        let Some(user) = self.app.store.user(user).await? else { return Ok(()) };
        let Some(address) = letter::recipient(notice, &user) else { return Ok(()) };
        match self.app.store.claim_mail(event.id, self.app.now()).await? {
            MailClaim::Sent => Ok(()),
            // Whoever has it may die: the message is to come again.
            MailClaim::Busy => Err(Fault::temporary("sending a mail", "another message is at it")),
            MailClaim::Ours => self.send(&event, notice, (&user, &address)).await,
        }
    }

    /// Sends a mail that is claimed, and marks it; one that is not sent is released.
    async fn send(&self, event: &Event, notice: &Notice, to: (&User, &Email)) -> Result<(), Fault> {
        let is_sent = self.hand_over(event, notice, to).await;
        if matches!(is_sent, Ok(true)) {
            // A mark that fails is no reason to have the mail brought again.
            if let Err(fault) = self.app.store.mail_sent(event.id).await {
                tracing::error!(cause = fault.chain(), event_id = %event.id, "a mail was sent, but not marked as such");
            }
        } else if let Err(fault) = self.app.store.release_mail(event.id).await {
            // The claim ends by itself.
            tracing::error!(cause = fault.chain(), event_id = %event.id, "a mail could not be released");
        }
        is_sent.map(drop)
    }

    /// Writes the mail and hands it to SES; `false` if SES refuses it.
    async fn hand_over(
        &self,
        event: &Event,
        notice: &Notice,
        (user, address): (&User, &Email),
    ) -> Result<bool, Fault> {
        let mail = letter::write(&self.app, event, notice, user).await?;
        match self.mailer.send(address, &mail).await {
            Ok(()) => Ok(true),
            Err(error @ SendError::Unavailable(_)) => Err(Fault::temporary("sending a mail", error)),
            Err(error @ SendError::Refused(_)) => {
                tracing::error!(cause = %error, event_id = %event.id, "{REFUSED}");
                Ok(false)
            }
        }
    }
}

/// Works off the messages of a batch, one after another: how many mails SES gets in a second is then up to how many batches
/// are in work at once, which the template bounds.
///
/// # Errors
/// Never: what fails is named in the answer, for the queue to bring it again.
pub async fn handle(postman: &Postman, batch: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    let messages = &batch.payload.records;
    let mut results = Vec::with_capacity(messages.len());
    for message in messages {
        // Boxed: the futures beneath are deep.
        results.push(Box::pin(postman.take(message)).await);
    }
    Ok(queue::answer(messages, results))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_is_told_what_the_log_says() {
        let template = include_str!("../../../template.yaml");
        assert!(template.contains(&format!("{{ $.message = \"{REFUSED}\" }}")));
    }
}
