//! `GET /verify-email` and `GET /reset-password`: where the links in mails lead, unless a front end of one's
//! own takes over (`FRONTEND_URL`).
//!
//! The token stands in the URL's fragment, which no browser sends anywhere: no log and no referrer holds it.
//! Opening a page does nothing yet, so a scanner that follows links in mails spends no token. A page runs no
//! script but the one that is served beside it.

use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use shared::App;
use utoipa_axum::router::OpenApiRouter;

/// A page may run its own script and call its own origin, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const VERIFY_EMAIL: &str =
    concat!(include_str!("../pages/head.html"), include_str!("../pages/verify-email.html"));
const RESET_PASSWORD: &str =
    concat!(include_str!("../pages/head.html"), include_str!("../pages/reset-password.html"));

const SCRIPT: &str = include_str!("../pages/token.js");

/// The pages. They are no part of the API, and so not of its description.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .route("/verify-email", get(|| async { page(VERIFY_EMAIL) }))
        .route("/reset-password", get(|| async { page(RESET_PASSWORD) }))
        .route("/token.js", get(|| async { ([(header::CONTENT_TYPE, "text/javascript")], SCRIPT) }))
}

fn page(html: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html))
}
