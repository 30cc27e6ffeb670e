//! `GET /redoc`: ReDoc, to read the API's description.

use std::sync::LazyLock;

use aide::redoc::Redoc;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use crate::{asset, page};

/// ReDoc's script. `aide` hands it out inside a page of its own only; ours needs no inline script. The logo of
/// ReDoc's maker would come from their host: it is left empty.
static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let page = Redoc::new("").html();
    let script = page.split_once("<script>").and_then(|(_, rest)| rest.rsplit_once("Redoc.init("));
    let (script, _) = script.expect("aide's page holds ReDoc's script, then the call that starts it");
    script.replace("https://cdn.redoc.ly/redoc/logo-mini.svg", "data:,")
});

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .route("/redoc", get(async || page(include_str!("../pages/redoc.html"))))
        .route("/docs/redoc.js", get(async || asset("text/javascript", SCRIPT.as_str())))
}
