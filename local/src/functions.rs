//! The functions, merged: what API Gateway and the streams route to.

use aws_config::SdkConfig;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use scheduled_cleanup::Report;
use shared::App;
use shared::bulk::Operation;
use shared::event::Event;
use shared::fault::Fault;
use utoipa_axum::router::OpenApiRouter;

use crate::function::Function;
use crate::sqs::QueueConsumer;
use crate::stream::Consumer;

/// The routes of every HTTP function.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(auth::routes())
        .merge(profile::routes())
        .merge(accounts::routes())
        .merge(admin::routes())
        .merge(audit::routes())
        .merge(gdpr::routes())
        .merge(bulk::routes())
        .merge(users::routes())
        .merge(webhooks::routes())
        .merge(health::routes())
        .merge(docs::routes())
}

/// The OpenAPI document of every HTTP function together, as indented JSON.
pub fn openapi() -> Result<String, serde_json::Error> {
    shared::http::describe(routes().to_openapi()).to_pretty_json()
}

/// The functions that the queue of webhook deliveries drives.
pub(crate) fn queue_consumers(app: &App) -> Result<Vec<QueueConsumer>, Fault> {
    let courier = webhook_delivery::Courier::new(app.clone())?;
    Ok(vec![QueueConsumer::new("webhook-delivery", move |batch| {
        let courier = courier.clone();
        async move { webhook_delivery::handle(&courier, batch).await }
    })])
}

/// The functions that a schedule runs: here no time does, only who asks for it.
pub(crate) fn scheduled(app: &App) -> Vec<Function<EventBridgeEvent, Report>> {
    let app = app.clone();
    vec![Function::new("scheduled-cleanup", move |event| {
        let app = app.clone();
        async move { scheduled_cleanup::handle(&app, event).await }
    })]
}

/// The functions that the table's stream drives.
pub(crate) fn consumers(app: &App, aws: &SdkConfig) -> Vec<Consumer> {
    let trail = stream_audit::AuditTrail::new(app.clone());
    let fanout = stream_fanout::Fanout::new(app.clone(), aws);
    let worker = stream_bulk::Worker::new(app.clone());
    vec![
        Consumer::of::<Event, _>("stream-audit", move |event| {
            let trail = trail.clone();
            async move { stream_audit::handle(&trail, event).await }
        }),
        Consumer::of::<Event, _>("stream-fanout", move |event| {
            let fanout = fanout.clone();
            async move { stream_fanout::handle(&fanout, event).await }
        }),
        Consumer::of::<Operation, _>("stream-bulk", move |event| {
            let worker = worker.clone();
            async move { stream_bulk::handle(&worker, event).await }
        }),
    ]
}
