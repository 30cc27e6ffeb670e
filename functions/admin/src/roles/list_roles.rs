//! `GET /admin/roles`: the roles, and what each may do: the built-in ones, the highest first, then the tenant's
//! own by name.
//!
//! Front ends want all of them at once: where no `limit` is given, a page has them all.

use std::cmp::Reverse;

use axum::extract::State;
use axum::http::HeaderMap;
use shared::App;
use shared::http::{Json, List, Page, PageParameters, Permitted, Problem};
use shared::role::{AdminAll, KnownRole, Role};
use shared::store::MOST_ROLES;

use super::RoleInfo;

/// List the roles
///
/// All of them, unless a `limit` is given.
#[utoipa::path(
    get,
    path = "/api/v1/admin/roles",
    tag = "admin",
    params(PageParameters),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of roles: the built-in ones, the highest first, then the others by name",
        body = [RoleInfo],
        headers(
            ("X-Total-Count" = u64, description = "The number of roles"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn list_roles(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    page: Page,
) -> Result<(HeaderMap, Json<Vec<RoleInfo>>), Problem> {
    let all = Role::built_in().count() + MOST_ROLES as usize;
    let part = page.part_of(&app, List::of(&caller.user, "admin/roles"), all).await?;
    let own = app.store.roles(&caller.user.tenant).await?.into_iter().map(KnownRole::Custom);
    let roles = Role::built_in().map(KnownRole::BuiltIn).chain(own).map(RoleInfo::from).collect();
    let (headers, Json(page)) = part.of(&app, roles, place).await?;
    Ok((headers, Json(page.into_items())))
}

/// A role's place in the list: the built-in ones come first, as they rank.
fn place(role: &RoleInfo) -> Reverse<(usize, String)> {
    let rank = Role::built_in().position(|it| it.name() == role.name);
    Reverse((rank.unwrap_or(usize::MAX), role.name.clone()))
}
