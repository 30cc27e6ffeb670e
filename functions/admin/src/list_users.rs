//! `GET /admin/users`: the accounts of the caller's tenant, newest first.
//!
//! The list reads an index, which learns of a new account a moment after it exists.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use shared::App;
use shared::http::{Fields, Json, Page, PageParameters, Permitted, Problem, Query};
use shared::role::{Role, UserRead};
use shared::store::{Filter, Place};
use shared::user::{Status, User};
use utoipa::IntoParams;

use super::AdminUser;

/// Which accounts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsers {
    /// Only those of this role.
    role: Option<String>,
    /// Only those that are switched on, or off.
    #[param(value_type = Option<bool>)]
    is_active: Option<String>,
}

impl ListUsers {
    fn check(&self, caller: &User, fields: &mut Fields) -> Option<Filter> {
        let role = fields.take_optional("role", self.role.as_deref(), str::parse);
        let status = fields.take_optional("is_active", self.is_active.as_deref(), |text| match text {
            "true" => Ok(Status::Active),
            "false" => Ok(Status::Inactive),
            _ => Err("must be true or false"),
        });
        let (role, status) = role.zip(status)?;
        Some(Filter { tenant: caller.tenant.clone(), role, status })
    }
}

/// List users
#[utoipa::path(
    get,
    path = "/api/v1/admin/users",
    tag = "admin",
    params(ListUsers, PageParameters),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of accounts, newest first",
        body = [AdminUser],
        headers(
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn list_users(
    State(app): State<App>,
    caller: Permitted<UserRead>,
    Query(query): Query<ListUsers>,
    page: Page,
) -> Result<(HeaderMap, Json<Vec<AdminUser>>), Problem> {
    let mut fields = Fields::default();
    let filter = query.check(&caller.user, &mut fields);
    let window = page.window(10, &mut fields);
    let (filter, window) = fields.all(filter.zip(window))?;
    let scope = scope(&filter);
    let after: Option<Place> = match page.cursor() {
        Some(cursor) => Some(app.keys.open_cursor(&scope, cursor).await?.ok_or_else(foreign_cursor)?),
        None => None,
    };
    let found = app.store.list_users(&filter, after.as_ref(), (window.skip, window.limit)).await?;
    let next = match found.next {
        Some(place) => Some(app.keys.seal_cursor(&scope, &place).await?),
        None => None,
    };
    Ok((page.links(next), Json(found.users.into_iter().map(AdminUser::from).collect())))
}

/// What a cursor of this list is bound to.
fn scope(filter: &Filter) -> String {
    let role = filter.role.map_or("", Role::name);
    let status = filter.status.map_or("", Status::name);
    format!("admin/users {} {role} {status}", filter.tenant.as_str())
}

fn foreign_cursor() -> Problem {
    let mut fields = Fields::default();
    fields.note("cursor", "is not one of this list; take it from X-Next-Cursor of the same query");
    fields.into_problem()
}
