//! `GET /admin/users/{user_id}/sessions`: where somebody is signed in, newest first. What is over is not shown.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use shared::App;
use shared::http::{Json, List, Page, PageParameters, Paged, Permitted, Problem};
use shared::role::AdminAll;
use shared::session::SessionInfo;

use super::find;

/// List a user's sessions
#[utoipa::path(
    get,
    path = "/api/v1/admin/users/{user_id}/sessions",
    tag = "admin",
    params(
        ("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID"),
        PageParameters
    ),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of the account's active sessions, newest first",
        body = Paged<SessionInfo>,
        headers(
            ("X-Total-Count" = u64, description = "The number of active sessions"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn list_user_sessions(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    Path(user_id): Path<String>,
    page: Page,
) -> Result<(HeaderMap, Json<Paged<SessionInfo>>), Problem> {
    let user = find(&app, &caller, &user_id).await?;
    let list = List::of(&caller.user, format_args!("admin/users/sessions {}", user.id));
    let part = page.part(&app, list).await?;
    let sessions = app.store.live_sessions(&user, app.now()).await?;
    let shown = sessions.into_iter().map(|session| SessionInfo::new(session, None)).collect();
    part.of(&app, shown, SessionInfo::place).await
}
