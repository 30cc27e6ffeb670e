//! `GET /auth/me`: who am I, and what may I do.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::http::{Json, SignedIn, Verified};
use shared::id::UserId;
use shared::name::Username;
use shared::role::Role;
use utoipa::ToSchema;
use uuid::Uuid;

/// The caller's account.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// The user's id as a hyphenated UUID.
    id: Uuid,
    user_id: UserId,
    #[schema(value_type = Option<String>)]
    username: Option<Username>,
    #[schema(value_type = String)]
    email: Email,
    first_name: String,
    last_name: String,
    #[schema(value_type = String, example = "user")]
    role: Role,
    permissions: Vec<String>,
    is_active: bool,
    is_verified: bool,
    is_approved: bool,
    must_change_password: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<Timestamp>,
}

/// Read your own account
#[utoipa::path(
    get,
    path = "/api/v1/auth/me",
    tag = "auth",
    security(("access_token" = [])),
    responses((status = 200, description = "The caller's account", body = Me))
)]
pub(crate) async fn me(Verified(SignedIn { user, rights, .. }): Verified) -> Json<Me> {
    Json(Me {
        id: user.id.uuid(),
        user_id: user.id,
        permissions: rights.names(),
        is_active: user.is_active(),
        is_verified: user.is_verified(),
        is_approved: user.is_approved(),
        username: user.username,
        email: user.email,
        first_name: user.first_name,
        last_name: user.last_name,
        role: user.role,
        must_change_password: user.must_change_password,
        created_at: user.created_at,
        updated_at: user.updated_at,
        last_login_at: user.last_login_at,
    })
}
