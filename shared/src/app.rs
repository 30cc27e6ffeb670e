//! What every function works with. It is made once per start and handed to each request; nothing reads the
//! clock, the environment or a global behind its back.

use std::num::NonZeroUsize;
use std::sync::Arc;

use aws_config::SdkConfig;

use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::fault::Fault;
use crate::keys::{Access, Keys};
use crate::password::Passwords;
use crate::queue::Queue;
use crate::session::Session;
use crate::store::Store;
use crate::traffic::Traffic;
use crate::user::User;
use crate::webhook::Lane;

/// Hashes that may wait for one that runs: what a core works off in about a second.
const HASHES_WAITING: usize = 32;

/// What a function works with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// The table.
    pub store: Store,
    /// The keys.
    pub keys: Keys,
    /// What was served so far.
    pub traffic: Arc<Traffic>,
    /// Password hashing.
    pub passwords: Passwords,
    /// The queue of mails, where the settings name it.
    mail_queue: Option<Queue>,
    /// The queues of webhook deliveries, where the settings name them.
    webhook_queues: WebhookQueues,
}

/// The queues of webhook deliveries: one for each lane.
#[derive(Clone)]
struct WebhookQueues {
    fast: Option<Queue>,
    slow: Option<Queue>,
}

/// What a client gets when it signs in or continues a session.
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// The lifetime of the access token, in seconds.
    pub expires_in: i64,
}

impl App {
    /// A function's state, with AWS reached as `aws` says. Nothing is called yet.
    pub fn new(config: Config, clock: Clock, aws: &SdkConfig) -> Self {
        let store = Store::new(aws, &config.table_name);
        let keys = Keys::new(store.clone(), clock.clone(), &config, aws);
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let passwords = Passwords::new(cores, HASHES_WAITING * cores.get());
        let queue = |url: &Option<String>| url.as_deref().map(|url| Queue::new(aws, url));
        let mail_queue = queue(&config.mail_queue_url);
        let webhook_queues = WebhookQueues {
            fast: queue(&config.webhook_queue_url),
            slow: queue(&config.webhook_slow_queue_url),
        };
        Self {
            config: Arc::new(config),
            clock,
            store,
            keys,
            traffic: Arc::default(),
            passwords,
            mail_queue,
            webhook_queues,
        }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The queue of mails.
    ///
    /// # Errors
    /// When the settings name none.
    pub fn mail_queue(&self) -> Result<&Queue, Fault> {
        let unset = || Fault::broken("finding the queue of mails", "MAIL_QUEUE_URL is not set");
        self.mail_queue.as_ref().ok_or_else(unset)
    }

    /// The queue of webhook deliveries that take `lane`.
    ///
    /// # Errors
    /// When the settings name none.
    pub fn webhook_queue(&self, lane: Lane) -> Result<&Queue, Fault> {
        let (queue, unset) = match lane {
            Lane::Fast => (&self.webhook_queues.fast, "WEBHOOK_QUEUE_URL is not set"),
            Lane::Slow => (&self.webhook_queues.slow, "WEBHOOK_SLOW_QUEUE_URL is not set"),
        };
        queue.as_ref().ok_or_else(|| Fault::broken("finding the queue of webhooks", unset))
    }

    /// The tokens of a session that was just opened or continued.
    pub async fn tokens(&self, user: &User, session: &Session) -> Result<Tokens, Fault> {
        let minutes = self.config.access_token_minutes;
        let access = Access { user, session, at: session.refreshed_at, minutes, user_uuid: false };
        let issuer = &self.config.public_url;
        Ok(Tokens {
            access_token: self.keys.sign_access(issuer, &access).await?.into_string(),
            refresh_token: self.keys.sign_refresh(issuer, session).await?.into_string(),
            // A token never outlives its session.
            expires_in: (minutes * 60).min(session.expires_at - session.refreshed_at.as_second()),
        })
    }
}
