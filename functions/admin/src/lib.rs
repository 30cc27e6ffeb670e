//! What administrators do with accounts: `/api/v1/admin`.

mod approve;
mod create_user;
mod delete_user;
mod get_user;
mod list_roles;
mod list_users;
mod reject_user;
mod stats;
mod update_user;

use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::http::Problem;
use shared::id::UserId;
use shared::role::Role;
use shared::user::{Status, User};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_users::list_users, create_user::create_user))
        .routes(routes!(get_user::get_user, update_user::update_user, delete_user::delete_user))
        .routes(routes!(approve::approve_user))
        .routes(routes!(reject_user::reject_user))
        .routes(routes!(stats::stats))
        .routes(routes!(list_roles::list_roles))
}

/// An account, as administrators see it.
#[derive(Serialize, ToSchema)]
struct AdminUser {
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    first_name: String,
    last_name: String,
    role: &'static str,
    is_active: bool,
    is_verified: bool,
    is_approved: bool,
    approved_by: Option<UserId>,
    #[schema(value_type = Option<String>, format = DateTime)]
    approved_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<Timestamp>,
    login_count: u64,
}

impl From<User> for AdminUser {
    fn from(user: User) -> Self {
        Self {
            user_id: user.id,
            is_active: user.is_active(),
            is_verified: user.is_verified(),
            is_approved: user.is_approved(),
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            role: user.role.name(),
            approved_by: user.approval.map(|approval| approval.by),
            approved_at: user.approval.map(|approval| approval.at),
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_login_at: user.last_login_at,
            login_count: user.login_count,
        }
    }
}

/// The account that `text` names, if it is one that `caller` can see: of their own tenant, or of any for a
/// super administrator. What they can not see is not there.
async fn find(app: &App, caller: &User, text: &str) -> Result<User, Problem> {
    let not_found = || Problem::user_not_found(text);
    let id: UserId = text.parse().map_err(|_| not_found())?;
    let user =
        app.store.user(id).await?.filter(|user| user.status != Status::Deleted).ok_or_else(not_found)?;
    if user.tenant == caller.tenant || caller.role == Role::SuperAdmin {
        return Ok(user);
    }
    Err(not_found())
}

/// Whether `caller` may act on `user`: nobody acts on themselves here, and only on those below them.
fn may_act_on(caller: &User, user: &User) -> Result<(), Problem> {
    if caller.id == user.id {
        let message = "Nobody changes their own role, state or approval; ask another administrator";
        return Err(Problem::forbidden("OWN_ACCOUNT", message));
    }
    if !caller.role.outranks(user.role) {
        return Err(Problem::forbidden("INSUFFICIENT_PERMISSIONS", "This account does not rank below yours"));
    }
    Ok(())
}

/// Whether `actor` may give somebody this role: nobody gives what they have not got.
fn may_grant(actor: &User, role: Role) -> Result<(), Problem> {
    if actor.role.outranks(role) {
        return Ok(());
    }
    Err(Problem::forbidden("INSUFFICIENT_PERMISSIONS", "Nobody can give a role that is not below their own"))
}

/// It changed between our reading and our writing.
fn changed_meanwhile() -> Problem {
    Problem::conflict("CHANGED_MEANWHILE", "The account was changed meanwhile; read it again and decide anew")
}
