//! `DELETE /auth/sessions`: all of one's sessions end at once, however many there are, but for the current one.
//!
//! How many they were is not told: nobody counts them. With `include_current=true` the current one ends, too.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::event::details::OtherSessionsEnded;
use shared::event::{Event, EventType};
use shared::http::{Fields, Json, Permitted, Problem, Query};
use shared::role::ProfileRead;
use utoipa::{IntoParams, ToSchema};

/// Which sessions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EndSessions {
    /// Whether the current session ends as well.
    #[param(value_type = Option<bool>, default = false)]
    include_current: Option<String>,
}

/// The sessions were ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionsEnded {
    message: &'static str,
}

impl EndSessions {
    /// Whether the current session ends as well.
    fn check(&self) -> Result<bool, Problem> {
        let mut fields = Fields::default();
        let text = self.include_current.as_deref().unwrap_or("false");
        let include = fields.take("include_current", text.parse().map_err(|_| "must be true or false"));
        fields.all(include)
    }
}

/// End your own sessions
///
/// The current session stays, unless `include_current` is true.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/sessions",
    tag = "auth",
    params(EndSessions),
    security(("access_token" = [])),
    responses(
        (status = 200, description = "The sessions have ended", body = SessionsEnded),
        (status = 409, description = "Sessions were ended in the meantime")
    )
)]
pub(crate) async fn end_sessions(
    State(app): State<App>,
    caller: Permitted<ProfileRead>,
    Query(query): Query<EndSessions>,
) -> Result<Json<SessionsEnded>, Problem> {
    let Permitted { user, session: current, origin, .. } = caller;
    let kept = if query.check()? { None } else { Some(&current) };
    let event = Event::new(EventType::UserSessionsEnded, &origin, app.now())
        .by_themselves(&user)
        .telling(OtherSessionsEnded { kept_session_id: kept.map(|kept| kept.id) });
    if !app.store.end_other_sessions(&user, kept, &event).await? {
        let message = "Sessions were ended in the meantime; list them and try again";
        return Err(Problem::conflict("CHANGED_MEANWHILE", message));
    }
    let message = match kept {
        Some(_) => "All other sessions ended successfully",
        None => "All sessions ended successfully",
    };
    Ok(Json(SessionsEnded { message }))
}
