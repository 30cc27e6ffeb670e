//! What administrators do with accounts: `/api/v1/admin`.

mod approve;
mod audit_logs;
mod create_user;
mod delete_user;
mod get_user;
mod list_users;
mod reject_user;
mod roles;
mod sessions;
mod stats;
mod update_user;

use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::id::UserId;
use shared::role::Role;
use shared::user::User;
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
        .routes(routes!(
            sessions::list_sessions::list_user_sessions,
            sessions::end_sessions::end_user_sessions
        ))
        .routes(routes!(sessions::end_session::end_user_session))
        .routes(routes!(stats::stats))
        .routes(routes!(audit_logs::audit_logs))
        .routes(routes!(roles::list_roles::list_roles, roles::create_role::create_role))
        .routes(routes!(
            roles::get_role::get_role,
            roles::update_role::update_role,
            roles::delete_role::delete_role
        ))
}

/// An account, as administrators see it.
#[derive(Serialize, ToSchema)]
struct AdminUser {
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    first_name: String,
    last_name: String,
    #[schema(value_type = String, example = "manager")]
    role: Role,
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
            role: user.role,
            approved_by: user.approval.map(|approval| approval.by),
            approved_at: user.approval.map(|approval| approval.at),
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_login_at: user.last_login_at,
            login_count: user.login_count,
        }
    }
}
