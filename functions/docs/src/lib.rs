//! The API's description, and two pages to read it in.
//!
//! | route | answer |
//! |---|---|
//! | `GET /openapi.json` | the description, OpenAPI 3.1 |
//! | `GET /docs` | Swagger UI, to read it and to try calls |
//! | `GET /redoc` | ReDoc, to read it |
//!
//! A page works with no internet: what it loads comes from here, and its Content-Security-Policy lets
//! nothing else in. The pages are no part of the API, so that the description does not list them.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use shared::http::Problem;
use utoipa_axum::router::OpenApiRouter;

mod openapi;
mod redoc;
mod swagger_ui;

/// Scripts, styles, pictures and calls come from and go to this API alone. Both pages write styles into
/// themselves, which is why these may be inline; scripts may not. ReDoc searches in a worker of its own making.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A day: what a page loads changes with a release only, but its names carry no version.
const ASSET_CACHE: &str = "public, max-age=86400";

/// The routes of this function.
pub fn routes() -> OpenApiRouter<shared::App> {
    stateless_routes()
}

/// The routes need nothing of an `App`: this function has no rights on AWS at all.
fn stateless_routes<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::new().merge(openapi::routes()).merge(swagger_ui::routes()).merge(redoc::routes())
}

/// A page for people.
fn page(html: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    (headers, html).into_response()
}

/// A file that a page loads.
fn asset(content_type: &str, content: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, ASSET_CACHE)], content).into_response()
}

/// The answer where there is no such file.
fn no_such_file() -> Response {
    Problem::not_found("NOT_FOUND", "Not found").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use axum::http::StatusCode;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    const PAGES: [&str; 2] = ["/docs", "/redoc"];

    async fn get(path: &str) -> Response {
        let (router, _) = stateless_routes::<()>().split_for_parts();
        router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn text(path: &str) -> String {
        let body = get(path).await.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.into()).unwrap()
    }

    /// The values of a page's `src`, `href` and `spec-url`: all that it loads by itself.
    fn loaded(html: &str) -> Vec<&str> {
        ["src=\"", "href=\"", "spec-url=\""]
            .iter()
            .flat_map(|attribute| html.split(attribute).skip(1))
            .filter_map(|rest| rest.split('"').next())
            .collect()
    }

    #[tokio::test]
    async fn a_page_loads_only_files_that_are_served_here() {
        for page in PAGES {
            let html = text(page).await;
            assert!(loaded(&html).len() >= 3 && !html.contains("://"), "{page}");
            for file in loaded(&html) {
                assert_eq!(get(file).await.status(), StatusCode::OK, "{page} loads {file}");
            }
        }
    }

    #[tokio::test]
    async fn no_script_fetches_from_another_host() {
        // Swagger UI's validator is named in its script and turned off by ours.
        assert!(text("/docs/start.js").await.contains("validatorUrl: null"));
        let script = text("/docs/redoc.js").await;
        assert!(!script.contains("cdn.") && !script.contains("fonts.googleapis"));
    }

    #[tokio::test]
    async fn a_page_is_titled_and_lets_no_other_host_in() {
        for page in PAGES {
            let answer = get(page).await;
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
            let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(
                policy.starts_with("default-src 'none'") && !policy.contains("://") && !policy.contains('*')
            );
            assert!(text(page).await.contains("<title>usher API</title>"), "{page}");
        }
    }

    #[tokio::test]
    async fn a_file_says_what_it_is_and_may_be_kept_for_a_day() {
        for (file, content_type) in [
            ("/docs/start.js", "text/javascript"),
            ("/docs/redoc.js", "text/javascript"),
            ("/docs/swagger-ui-bundle.js", "text/javascript"),
            ("/docs/swagger-ui.css", "text/css"),
            ("/docs/favicon-32x32.png", "image/png"),
        ] {
            let answer = get(file).await;
            assert_eq!(answer.headers()[header::CONTENT_TYPE], content_type, "{file}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], ASSET_CACHE, "{file}");
        }
    }

    #[tokio::test]
    async fn a_file_that_no_page_loads_is_not_served() {
        for file in ["/docs/index.html", "/docs/oauth2-redirect.html", "/docs/../Cargo.toml", "/docs/none"] {
            assert_eq!(get(file).await.status(), StatusCode::NOT_FOUND, "{file}");
        }
    }

    #[tokio::test]
    async fn the_description_is_openapi_3_1() {
        assert_eq!(get("/openapi.json").await.headers()[header::CONTENT_TYPE], "application/json");
        assert!(text("/openapi.json").await.contains(r#""openapi": "3.1."#));
    }

    #[test]
    fn the_description_does_not_list_the_pages() {
        assert!(stateless_routes::<()>().into_openapi().paths.paths.is_empty());
    }
}
