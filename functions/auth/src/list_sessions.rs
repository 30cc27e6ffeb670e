//! `GET /auth/sessions`: where one is signed in, newest first.
//!
//! What is over is not shown. Who signed in more than a thousand times within a session's life sees some of
//! those only.

use axum::extract::State;
use axum::http::HeaderMap;
use shared::App;
use shared::http::{Json, List, Page, PageParameters, Paged, Permitted, Problem};
use shared::role::ProfileRead;
use shared::session::SessionInfo;

/// List your own sessions
#[utoipa::path(
    get,
    path = "/api/v1/auth/sessions",
    tag = "auth",
    params(PageParameters),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of the caller's active sessions, newest first",
        body = Paged<SessionInfo>,
        headers(
            ("X-Total-Count" = u64, description = "The number of active sessions"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn list_sessions(
    State(app): State<App>,
    caller: Permitted<ProfileRead>,
    page: Page,
) -> Result<(HeaderMap, Json<Paged<SessionInfo>>), Problem> {
    let Permitted { user, session: current, .. } = caller;
    let part = page.part(&app, List::of(&user, "auth/sessions")).await?;
    let sessions = app.store.live_sessions(&user, app.now()).await?;
    let shown = sessions.into_iter().map(|session| SessionInfo::new(session, Some(current.id))).collect();
    part.of(&app, shown, SessionInfo::place).await
}
