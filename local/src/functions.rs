//! The functions, merged: what API Gateway and the streams route to.

use aws_config::SdkConfig;
use shared::App;
use utoipa_axum::router::OpenApiRouter;

use crate::stream::Consumer;

/// The routes of every HTTP function.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(auth::routes())
        .merge(profile::routes())
        .merge(accounts::routes())
        .merge(admin::routes())
        .merge(health::routes())
        .merge(docs::routes())
}

/// The OpenAPI document of every HTTP function together, as indented JSON.
pub fn openapi() -> Result<String, serde_json::Error> {
    shared::http::describe(routes().to_openapi()).to_pretty_json()
}

/// The functions that the table's stream drives.
pub(crate) fn consumers(app: &App, aws: &SdkConfig) -> Vec<Consumer> {
    let trail = stream_audit::AuditTrail::new(app.clone());
    let fanout = stream_fanout::Fanout::new(app.clone(), aws);
    vec![
        Consumer::new("stream-audit", move |event| {
            let trail = trail.clone();
            async move { stream_audit::handle(&trail, event).await }
        }),
        Consumer::new("stream-fanout", move |event| {
            let fanout = fanout.clone();
            async move { stream_fanout::handle(&fanout, event).await }
        }),
    ]
}
