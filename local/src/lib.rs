//! The local cloud: the whole system in one process, for `cargo run` and for tests.
//!
//! The functions run here as they run on AWS, through the official SDK clients; what differs is the endpoints that
//! those call. This crate brings what AWS has around a function: DynamoDB with its streams, SES, KMS, SQS, API Gateway
//! and Lambda's event source mappings. Each [`start`] is a cloud of its own. Nothing is shared between two, so that a
//! process can run many.

mod arn;
mod aws;
mod clock;
mod console;
mod directory;
mod dynamodb;
mod faults;
mod first_admin;
mod function;
mod functions;
mod gateway;
mod iam;
mod kms;
mod lambda;
mod mail;
mod part;
mod process;
mod routes;
mod services;
mod settings;
mod sqs;
mod start_error;
mod stream;
mod template;

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use axum::Router;
use shared::clock::Clock;

pub use first_admin::NewAdmin;
pub use functions::openapi;
pub use iam::Denials;
pub use process::{log, stop_signal};
pub use settings::{Admin, Data, Settings};
pub use start_error::StartError;
pub use template::TemplateError;

use crate::clock::MovableClock;
use crate::console::Console;
use crate::directory::DataDirectory;
use crate::faults::{Faults, Wire};
use crate::iam::Roles;
use crate::lambda::Lambda;
use crate::part::Part;
use crate::services::Services;
use crate::stream::{EventSources, Surroundings, Wake};
use crate::template::Deployment;

/// A running local cloud. Dropping it stops it without waiting.
pub struct Local {
    /// The API's base URL, without a trailing slash.
    pub url: String,
    /// The first administrator, if this start created one.
    pub admin: Option<NewAdmin>,
    /// The calls that functions made and their roles do not allow.
    pub denials: Denials,
    gateway: Part,
    mappings: Vec<Part>,
    services: Services,
    /// Held until everything has stopped.
    _directory: DataDirectory,
}

/// Starts the local cloud.
///
/// # Errors
/// One sentence that names the cause (a taken port, a bad setting, a data directory that is in use or damaged) and
/// says what to do.
pub async fn start(settings: Settings) -> Result<Local, StartError> {
    let (listener, url) = gateway::bind(settings.port).await?;
    let config = settings.config(&url)?;
    let directory = DataDirectory::open(&settings.data)?;
    let moved = if settings.at_noon { MovableClock::at_noon() } else { MovableClock::default() };
    let clock = Clock::new(moved.clone());
    let services = Services::start(&settings, &config, &directory, &moved).await?;

    let (faults, wake) = (Faults::default(), Wake::default());
    let wire = Wire { inner: aws::http_client(), faults: faults.clone(), wake: wake.clone() };
    let deployment = Deployment::of_this_system(&config)?;
    let roles = Roles::of(&deployment)?;
    let lambda = Lambda {
        config: &config,
        clock: &clock,
        endpoints: &services.endpoints,
        wire: SharedHttpClient::new(wire),
        roles: &roles,
        attempts: settings.attempts,
    };
    let (first_admin, _) = lambda.start("first-admin")?;
    let admin = first_admin::create(&first_admin, settings.admin.as_ref()).await?;

    let surroundings = Surroundings {
        aws: &services.aws,
        stream: &services.stream,
        directory: &directory,
        dead_letters: &services.queues.dead_letters,
        clock: clock.clone(),
        wake,
    };
    let (mut sources, mut mappings) = EventSources::start(functions::consumers(&lambda)?, &surroundings)?;
    for consumer in functions::queue_consumers(&lambda)? {
        let consumer = Arc::new(consumer);
        for source in deployment.queues(consumer.name)? {
            let unknown = || TemplateError::of(consumer.name, &format!("there is no queue {}", source.queue));
            let queue = services.queues.named(&source.queue).ok_or_else(unknown)?;
            mappings.push(sqs::run((Arc::clone(queue), source), Arc::clone(&consumer), &mut sources));
        }
    }
    let console = Console {
        url: url.clone(),
        clock: moved,
        queues: services.queues.clone(),
        sources,
        faults,
        invocable: Arc::new(functions::invocable(&lambda)?),
        services: services.view(),
    };
    let api = gateway::router(routes::api(&deployment, functions::http(&lambda)?)?, clock.clone());
    let router = Router::new().nest("/_local", console.router()).fallback_service(api);
    let gateway = Part::run(|stop| gateway::serve(listener, router, stop));
    let denials = roles.denials();
    Ok(Local { url, admin, denials, gateway, mappings, services, _directory: directory })
}

impl Local {
    /// Stops: requests and events in work are finished, what is undone is kept for the next start.
    pub async fn stop(self) {
        // Who calls stops before who is called.
        self.gateway.stop().await;
        for mapping in self.mappings {
            mapping.stop().await;
        }
        self.services.stop().await;
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = [
            ("API", ""),
            ("docs", "/docs"),
            ("ReDoc", "/redoc"),
            ("mailbox", "/_local/mail"),
            ("local", "/_local"),
        ];
        for (name, path) in pages {
            writeln!(f, "{name:10}{}{path}", self.url)?;
        }
        match &self.admin {
            Some(NewAdmin { email, password: Some(password) }) => {
                writeln!(f, "{:10}{email}, password {password} (shown this once)", "admin")
            }
            Some(NewAdmin { email, password: None }) => writeln!(f, "{:10}{email}", "admin"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
