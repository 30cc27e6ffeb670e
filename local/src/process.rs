//! What the binary asks of its process: a log on the standard error stream, and the signals that stop it.

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::Settings;

/// Logs for a person to read, at `LOG_LEVEL`.
pub fn log(settings: &Settings) {
    let level =
        settings.overrides.get("LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    // The DynamoDB in this process warns of each failed condition, which here is an everyday answer.
    let targets = Targets::new().with_default(level).with_target("dynoxide", LevelFilter::OFF);
    let log = fmt::layer().with_writer(std::io::stderr).compact();
    tracing_subscriber::registry().with(log).with(targets).init();
}

/// Returns at Ctrl-C or SIGTERM.
pub async fn stop_signal() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
