//! `GET /admin/stats`: how many accounts there are, and what happened in the last seven days.
//!
//! The numbers come from counters that follow a change within a moment; no list is read.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use shared::App;
use shared::event::EventType;
use shared::http::{Json, Permitted, Problem};
use shared::role::{AdminAll, Role};
use shared::tally;
use utoipa::ToSchema;

/// What counts as recent: today and the six days before.
const RECENT_DAYS: i64 = 6;

/// How many accounts the caller's tenant has.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stats {
    total_users: i64,
    active_users: i64,
    inactive_users: i64,
    unverified_users: i64,
    unapproved_users: i64,
    users_by_role: BTreeMap<String, i64>,
    /// In the last seven days.
    recent_registrations: i64,
    /// In the last seven days.
    recent_logins: i64,
}

/// Count users
#[utoipa::path(
    get,
    path = "/api/v1/admin/stats",
    tag = "admin",
    security(("access_token" = [])),
    responses((status = 200, description = "How many accounts there are", body = Stats))
)]
pub(crate) async fn stats(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
) -> Result<Json<Stats>, Problem> {
    let counters = app.store.counters(&caller.user.tenant, app.now(), RECENT_DAYS).await?;
    let built_in = Role::built_in().map(|role| (role.name().to_owned(), 0));
    let held = tally::by_role(&counters.users).map(|(role, number)| (role.to_owned(), number));
    Ok(Json(Stats {
        total_users: counters.users(tally::ALL),
        active_users: counters.users(tally::ACTIVE),
        inactive_users: counters.users(tally::INACTIVE),
        unverified_users: counters.users(tally::UNVERIFIED),
        unapproved_users: counters.users(tally::UNAPPROVED),
        users_by_role: built_in.chain(held).collect(),
        recent_registrations: counters.happened(EventType::UserRegistered),
        recent_logins: counters.happened(EventType::UserLogin),
    }))
}
