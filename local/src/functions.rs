//! The functions by their names, each started in its own role: what API Gateway, the streams, the queues and the
//! schedule invoke.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use axum::Router;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use shared::App;
use shared::bulk::Operation;
use shared::event::Event;
use utoipa_axum::router::OpenApiRouter;

use crate::StartError;
use crate::function::Function;
use crate::lambda::Lambda;
use crate::sqs::QueueConsumer;
use crate::stream::Consumer;
use crate::template::TemplateError;

/// The routes of every HTTP function.
fn routes() -> [(&'static str, OpenApiRouter<App>); 11] {
    [
        ("auth", auth::routes()),
        ("profile", profile::routes()),
        ("accounts", accounts::routes()),
        ("admin", admin::routes()),
        ("audit", audit::routes()),
        ("gdpr", gdpr::routes()),
        ("bulk", bulk::routes()),
        ("users", users::routes()),
        ("webhooks", webhooks::routes()),
        ("health", health::routes()),
        ("docs", docs::routes()),
    ]
}

/// The OpenAPI document of every HTTP function together, as indented JSON.
pub fn openapi() -> Result<String, serde_json::Error> {
    let mut merged = routes().into_iter().fold(OpenApiRouter::new(), |all, (_, routes)| all.merge(routes));
    shared::http::describe(merged.to_openapi()).to_pretty_json()
}

/// The HTTP functions, each as it serves requests on Lambda.
pub(crate) fn http(lambda: &Lambda<'_>) -> Result<Vec<(&'static str, Router)>, TemplateError> {
    let started = routes().into_iter().map(|(name, routes)| {
        let (app, _) = lambda.start(name)?;
        Ok((name, shared::http::service(app, routes)))
    });
    started.collect()
}

/// The functions that queues drive.
pub(crate) fn queue_consumers(lambda: &Lambda<'_>) -> Result<Vec<QueueConsumer>, StartError> {
    let (app, aws) = lambda.start("mail-delivery")?;
    let postman = mail_delivery::Postman::new(app, &aws);
    let courier = webhook_delivery::Courier::new(lambda.start("webhook-delivery")?.0)?;
    Ok(vec![
        QueueConsumer::new("mail-delivery", move |batch| {
            let postman = postman.clone();
            async move { mail_delivery::handle(&postman, batch).await }
        }),
        QueueConsumer::new("webhook-delivery", move |batch| {
            let courier = courier.clone();
            async move { webhook_delivery::handle(&courier, batch).await }
        }),
    ])
}

/// The functions that a schedule or a person invokes: here no time does, only who asks for it.
pub(crate) fn invocable(lambda: &Lambda<'_>) -> Result<Vec<Function<Value, Value>>, StartError> {
    let (app, _) = lambda.start("scheduled-cleanup")?;
    let (replaying, aws) = lambda.start("replay-dead-letters")?;
    let replayer = replay_dead_letters::Replayer::new(replaying, &aws)?;
    Ok(vec![
        Function::new("scheduled-cleanup", move |event: LambdaEvent<Value>| {
            let app = app.clone();
            let event = LambdaEvent::new(EventBridgeEvent::default(), event.context);
            async move { Ok(serde_json::to_value(scheduled_cleanup::handle(&app, event).await?)?) }
        }),
        Function::new("replay-dead-letters", move |event: LambdaEvent<Value>| {
            let replayer = replayer.clone();
            async move {
                let asked = LambdaEvent::new(serde_json::from_value(event.payload)?, event.context);
                Ok(serde_json::to_value(replay_dead_letters::handle(&replayer, asked).await?)?)
            }
        }),
    ])
}

/// The functions that the table's stream drives.
pub(crate) fn consumers(lambda: &Lambda<'_>) -> Result<Vec<Consumer>, TemplateError> {
    let trail = stream_audit::AuditTrail::new(lambda.start("stream-audit")?.0);
    let fanout = stream_fanout::Fanout::new(lambda.start("stream-fanout")?.0);
    let worker = stream_bulk::Worker::new(lambda.start("stream-bulk")?.0);
    Ok(vec![
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
    ])
}
