//! The routes of API Gateway, as `template.yaml` has them: which function a request goes to.
//!
//! A route that is the path itself comes first, then the longest one with a greedy variable, then `$default` (API
//! Gateway Developer Guide, "Create routes for HTTP APIs"). Every route takes `ANY` method. A slash at the end counts
//! for nothing.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use tower::ServiceExt as _;

use crate::template::{Deployment, TemplateError};

/// How a route ends that takes everything below.
const GREEDY: &str = "{proxy+}";

/// The functions behind the routes.
struct Routes {
    exact: HashMap<String, Router>,
    /// By what their paths begin with, the longest first.
    greedy: Vec<(String, Router)>,
    /// What takes every other request.
    default: Router,
}

/// The API: `functions` by their names, each behind its routes.
pub(crate) fn api(
    deployment: &Deployment<'_>,
    functions: impl IntoIterator<Item = (&'static str, Router)>,
) -> Result<Router, TemplateError> {
    let mut routes = Routes { exact: HashMap::new(), greedy: Vec::new(), default: Router::new() };
    for (name, function) in functions {
        for trigger in deployment.triggers(name)? {
            let properties = &trigger["Properties"];
            match (trigger["Type"].as_str(), properties["Method"].as_str(), properties["Path"].as_str()) {
                (Some("HttpApi"), Some("ANY"), Some(path)) => routes.add(path, function.clone()),
                (Some("HttpApi"), None, None) => routes.default = function.clone(),
                _ => return Err(TemplateError::of(name, &format!("`{trigger}` is no route"))),
            }
        }
    }
    routes.greedy.sort_by_key(|(path, _)| Reverse(path.len()));
    Ok(Router::new().fallback(hand_over).with_state(Arc::new(routes)))
}

impl Routes {
    fn add(&mut self, path: &str, function: Router) {
        match path.strip_suffix(GREEDY) {
            Some(path) => self.greedy.push((path.to_owned(), function)),
            None => drop(self.exact.insert(path.to_owned(), function)),
        }
    }

    fn of(&self, path: &str) -> &Router {
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        let greedy = || self.greedy.iter().find(|(start, _)| path.starts_with(start.as_str()));
        let found = self.exact.get(path).or_else(|| greedy().map(|(_, function)| function));
        found.unwrap_or(&self.default)
    }
}

async fn hand_over(State(routes): State<Arc<Routes>>, request: Request) -> Response {
    let function = routes.of(request.uri().path()).clone();
    function.oneshot(request).await.into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};

    use super::*;
    use crate::Settings;

    /// The function that the template has a request for `path` go to.
    async fn function_of(path: &str) -> String {
        let config = Settings::default().config("http://127.0.0.1:3000").unwrap();
        let deployment = Deployment::of_this_system(&config).unwrap();
        let names = ["auth", "users", "webhooks", "docs", "health"];
        let functions = names.map(|name| (name, Router::new().fallback(move || async move { name })));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = api(&deployment, functions).unwrap().oneshot(request).await.unwrap();
        String::from_utf8(to_bytes(response.into_body(), 100).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_request_goes_to_the_function_of_its_route() {
        for (path, function) in [
            ("/api/v1/auth/login", "auth"),
            ("/v1/auth/login", "auth"),
            ("/token.js", "auth"),
            ("/api/v1/users", "users"),
            ("/api/v1/users/?limit=1", "users"),
            ("/api/v1/users/1/history", "users"),
            ("/redoc/", "docs"),
            ("/docs/start.js", "docs"),
        ] {
            assert_eq!(function_of(path).await, function, "{path}");
        }
    }

    #[tokio::test]
    async fn a_request_of_no_route_goes_to_the_default() {
        for path in ["/", "//", "/nothing", "/api/v1/auth", "/api/v1/users-and-more", "/API/v1/users"] {
            assert_eq!(function_of(path).await, "health", "{path}");
        }
    }
}
