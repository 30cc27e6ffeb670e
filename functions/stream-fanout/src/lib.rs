//! Does what an event asks for, from the table's stream: sends its mail, queues its webhooks, and sweeps up after
//! whoever was erased.
//!
//! A mail is claimed before it is sent and marked when it is, so that a stream which repeats itself sends none
//! twice. Should the process die between the claim and the mark, the claim ends by itself, and the record comes
//! again for as long as the stream tries: a mail may then come twice, and what is given up is a dead letter.

mod letter;

use aws_config::SdkConfig;
use aws_lambda_events::event::dynamodb::Event as StreamBatch;
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use lambda_runtime::{Error, LambdaEvent};
use shared::App;
use shared::email::Email;
use shared::event::{Event, EventType, Notice};
use shared::fault::Fault;
use shared::id::ConsumerId;
use shared::mail::{Mailer, SendError};
use shared::store::MailClaim;
use shared::stream::{self, Consumer};
use shared::user::User;

/// What the function works with. Cheap to clone.
#[derive(Clone)]
pub struct Fanout {
    app: App,
    mailer: Mailer,
    id: ConsumerId,
}

impl Fanout {
    /// The function's state, with SES reached as `aws` says.
    pub fn new(app: App, aws: &SdkConfig) -> Self {
        let mailer = Mailer::new(aws, &app.config.mail_from);
        Self { app, mailer, id: ConsumerId::random() }
    }

    /// Sends the mail that `event` asks for, unless it was sent.
    async fn tell(&self, event: &Event) -> Result<(), Fault> {
        let (Some(notice), Some(user)) = (&event.mail, event.subject) else { return Ok(()) };
        let Some(user) = self.app.store.user(user).await? else { return Ok(()) };
        let Some(address) = letter::recipient(notice, &user) else { return Ok(()) };
        match self.app.store.claim_mail(event.id, self.id, self.app.now()).await? {
            MailClaim::Sent => Ok(()),
            MailClaim::Busy => Err(Fault::temporary("sending a mail", "another consumer is at it")),
            MailClaim::Ours => self.send(event, notice, (&user, &address)).await,
        }
    }

    async fn send(&self, event: &Event, notice: &Notice, to: (&User, &Email)) -> Result<(), Fault> {
        if let Err(fault) = self.hand_over(event, notice, to).await {
            // Should the release fail as well, the claim ends by itself.
            if let Err(also) = self.app.store.release_mail(event.id).await {
                tracing::error!(cause = also.chain(), event_id = %event.id, "a mail could not be released");
            }
            return Err(fault);
        }
        // A mark that fails is no reason to have the mail brought again.
        if let Err(fault) = self.app.store.mail_sent(event.id).await {
            tracing::error!(cause = fault.chain(), event_id = %event.id, "a mail was sent, but not marked as such");
        }
        Ok(())
    }

    /// Of whoever `event` erased, nothing is left. Of those who erased themselves it is done already, unless the function
    /// died on the way or there was too much.
    async fn sweep(&self, event: &Event) -> Result<(), Fault> {
        let erased = matches!(event.event_type, EventType::UserDeleted | EventType::SystemUserErased);
        match event.subject.filter(|_| erased) {
            Some(user) => self.app.store.sweep(user, usize::MAX).await,
            None => Ok(()),
        }
    }

    /// Writes the mail and hands it to SES, which takes it or refuses it for good.
    async fn hand_over(
        &self,
        event: &Event,
        notice: &Notice,
        (user, address): (&User, &Email),
    ) -> Result<(), Fault> {
        let mail = letter::write(&self.app, event, notice, user).await?;
        match self.mailer.send(address, &mail).await {
            Ok(()) => Ok(()),
            Err(error @ SendError::Unavailable(_)) => Err(Fault::temporary("sending a mail", error)),
            Err(error @ SendError::Refused(_)) => {
                // Offering it again would hold up all mails behind it, and not help.
                tracing::error!(cause = %error, event_id = %event.id, "a mail was refused for good");
                Ok(())
            }
        }
    }
}

impl Consumer for Fanout {
    type Item = Event;
    // They wait for the table and for SES, not for each other.
    const AT_ONCE: usize = 10;

    async fn consume(&self, event: Event) -> Result<(), Fault> {
        // Neither waits for the other: a mail that fails keeps no webhook back. Nor for a sweep, which takes long where
        // there is much.
        let (told, queued) = tokio::join!(self.tell(&event), self.app.fan_out(&event));
        let swept = self.sweep(&event).await;
        told.and(queued).and(swept)
    }
}

/// Sends the mails that the events of a batch ask for, up to the first that fails.
///
/// # Errors
/// Never: what fails is named in the answer, for the stream to bring it again.
pub async fn handle(
    fanout: &Fanout,
    batch: LambdaEvent<StreamBatch>,
) -> Result<DynamoDbEventResponse, Error> {
    Ok(stream::deliver(batch.payload, fanout).await)
}
