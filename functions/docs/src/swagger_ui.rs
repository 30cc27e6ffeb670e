//! `GET /docs`: Swagger UI, to read the API's description and to try calls.
//!
//! Its own page is left aside: it has addresses relative to a trailing slash, and a bar to type in the address
//! of another API. Ours loads the same program without that bar.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::Config;

use crate::{asset, no_such_file, page};

/// What the page loads of Swagger UI's files.
const FILES: [&str; 3] = ["favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css"];

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .route("/docs", get(async || page(include_str!("../pages/swagger_ui.html"))))
        .route("/docs/start.js", get(async || asset("text/javascript", include_str!("../pages/start.js"))))
        .route("/docs/{*file}", get(file))
}

async fn file(Path(name): Path<String>) -> Response {
    if !FILES.contains(&name.as_str()) {
        return no_such_file();
    }
    let Ok(Some(file)) = utoipa_swagger_ui::serve(&name, Arc::new(Config::default())) else {
        return no_such_file();
    };
    let mut answer = asset(&file.content_type, file.bytes.into_owned());
    if file.gzpipped {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}
