//! The local cloud: the whole system in one process, for `cargo run` and for tests.
//!
//! The functions run here as they run on AWS, through the official SDK clients; what differs is the endpoints that
//! those call. This crate brings what AWS has around a function: DynamoDB with its streams, SES, KMS, SQS, API Gateway
//! and Lambda's event source mappings. Each [`start`] is a cloud of its own. Nothing is shared between two, so that a
//! process can run many.

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
mod kms;
mod mail;
mod part;
mod process;
mod services;
mod settings;
mod sqs;
mod start_error;
mod stream;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use shared::App;
use shared::clock::Clock;

pub use first_admin::NewAdmin;
pub use functions::openapi;
pub use process::{log, stop_signal};
pub use settings::{Admin, Data, Settings};
pub use start_error::StartError;

use crate::clock::MovableClock;
use crate::console::Console;
use crate::directory::DataDirectory;
use crate::faults::{Faults, Wire};
use crate::part::Part;
use crate::services::Services;
use crate::stream::{EventSources, Surroundings, Wake};

/// A running local cloud. Dropping it stops it without waiting.
pub struct Local {
    /// The API's base URL, without a trailing slash.
    pub url: String,
    /// The first administrator, if this start created one.
    pub admin: Option<NewAdmin>,
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
    let moved = MovableClock::default();
    let clock = Clock::new(moved.clone());
    let services = Services::start(&settings, &config, &directory, &moved).await?;

    let (faults, wake) = (Faults::default(), Wake::default());
    let wire = Wire { inner: aws::http_client(), faults: faults.clone(), wake: wake.clone() };
    let aws = aws::config(services.endpoints.clone(), wire);
    let app = App::new(config, clock.clone(), &aws);
    let admin = first_admin::create(&app, settings.admin.as_ref()).await?;

    let dead_letters = Arc::clone(&services.dead_letters);
    let surroundings = Surroundings {
        aws: &services.aws,
        stream: &services.stream,
        directory: &directory,
        dead_letters: &dead_letters,
        clock: clock.clone(),
        wake,
    };
    let (mut sources, mut mappings) = EventSources::start(functions::consumers(&app, &aws), &surroundings)?;
    for consumer in functions::queue_consumers(&app)? {
        mappings.push(sqs::run(Arc::clone(&services.queue), consumer, &mut sources));
    }
    let console = Console {
        url: url.clone(),
        clock: moved,
        dead_letters,
        sources,
        faults,
        scheduled: Arc::new(functions::scheduled(&app)),
        services: services.view(),
    };
    let api = gateway::router(shared::http::service(app, functions::routes()), clock);
    let router = Router::new().nest("/_local", console.router()).fallback_service(api);
    let gateway = Part::run(|stop| gateway::serve(listener, router, stop));
    Ok(Local { url, admin, gateway, mappings, services, _directory: directory })
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
