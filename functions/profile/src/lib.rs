//! A person's own profile: `/api/v1/profile`.

mod get;
mod update;

use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::id::UserId;
use shared::role::Role;
use shared::user::{Status, User};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get::get_profile, update::update_profile))
}

/// A person's profile.
#[derive(Serialize, ToSchema)]
struct Profile {
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    /// The new address, until it is verified.
    #[schema(value_type = Option<String>)]
    pending_email: Option<Email>,
    first_name: String,
    last_name: String,
    #[schema(value_type = String, example = "user")]
    role: Role,
    status: Status,
    is_verified: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login: Option<Timestamp>,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self {
            user_id: user.id,
            is_verified: user.is_verified(),
            email: user.email,
            pending_email: user.pending_email.map(|pending| pending.email),
            first_name: user.first_name,
            last_name: user.last_name,
            role: user.role,
            status: user.status,
            created_at: user.created_at,
            last_login: user.last_login_at,
        }
    }
}
