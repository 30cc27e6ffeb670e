//! A function's start on Lambda: settings, log, state, then the runtime's loop.

use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;

/// Reads the settings and makes the state of the function that is the crate `function`, and the way to AWS.
///
/// # Errors
/// When a setting is wrong: the function does not start, and its log says which.
pub fn start(function: &'static str) -> Result<(App, aws_config::SdkConfig), Error> {
    let config = Config::from_env()?;
    write_log(function, config.log_level);
    let aws = crate::aws::config_from_lambda()?;
    Ok((App::new(config, Clock::system(), &aws), aws))
}

/// Serves the `routes` of the crate `function` behind API Gateway.
///
/// # Errors
/// When the function can not start, or the runtime fails.
pub async fn serve(function: &'static str, routes: OpenApiRouter<App>) -> Result<(), Error> {
    let (app, _) = start(function)?;
    lambda_http::run(crate::http::service(app, routes)).await
}

/// Handles events with `handle`.
///
/// # Errors
/// When the runtime fails.
pub async fn consume<E, R, F>(handle: impl Fn(LambdaEvent<E>) -> F) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
    F: Future<Output = Result<R, Error>>,
{
    // Boxed: what handlers do is deep, and the compiler counts how deep.
    lambda_runtime::run(lambda_runtime::service_fn(|event| Box::pin(handle(event)))).await
}

/// One JSON object for each event of the log, on standard output, where Lambda collects it. Of others' events
/// only warnings: the SDK's own show requests, and with them what must not be logged.
fn write_log(function: &'static str, level: LevelFilter) {
    let ours = [env!("CARGO_CRATE_NAME"), function].map(|name| (name, level));
    let targets = Targets::new().with_targets(ours).with_default(level.min(LevelFilter::WARN));
    let log = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    tracing_subscriber::registry().with(log.with_target(false)).with(targets).init();
}
