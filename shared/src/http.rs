//! The conventions of HTTP, the same for every function: who calls, what a body must be, how a refusal looks,
//! which headers every answer carries, and the one line that the log gets of each request.

mod audit;
mod authority;
mod body;
mod caller;
mod denial;
mod description;
mod directory;
mod etag;
mod family;
mod fresh_proof;
mod idempotency;
mod origin;
mod paging;
mod part;
mod problem;
mod request;
mod schema;
mod user_list;

pub use audit::{AuditPart, ENTRIES_NUMBERED};
pub use body::{Json, OptionalJson, Query, Upload, form, is_json};
pub use caller::{Counting, Permitted, SignedIn, Verified, bearer_token};
pub use description::describe;
pub use directory::OwnChange;
pub use etag::{IfMatch, Tagged, Target};
pub use fresh_proof::fresh_proof;
pub use paging::{List, Page, PageParameters, Position, Window};
pub use part::{Paged, Part};
pub use problem::{FieldError, Fields, Problem};
pub use user_list::{UserList, UserQuery};

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state, map_request};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// `routes` as a service: every request is measured, logged and answered in the house style, whatever becomes
/// of it; its path is brought to one spelling before it is routed.
pub fn service(app: App, routes: OpenApiRouter<App>) -> Router {
    let routes: Router = Router::from(routes)
        .route_layer(from_fn_with_state(app.clone(), idempotency::once))
        .route_layer(from_fn(request::note_route))
        .fallback(|| async { Problem::not_found("NOT_FOUND", "Not found") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(app.clone());
    // A layer around a router sees requests before they are routed only where everything is a fallback.
    let spelled = Router::new().fallback_service(routes).layer(map_request(request::one_spelling));
    let shared = request::cross_origin(spelled, &app.config.cors_origins);
    Router::new().fallback_service(shared).layer(from_fn_with_state(app, request::around))
}
