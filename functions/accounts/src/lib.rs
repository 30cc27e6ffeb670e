//! The three-call API, `/api/users`: register, login, me, with `{success, message, data}` around each answer.

mod login;
mod me;
mod register;

use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::user::User;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(me::me))
}

/// An account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Account {
    user_id: Uuid,
    #[schema(example = "John Doe")]
    name: String,
    #[schema(value_type = String)]
    email: Email,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        let name = user.full_name();
        Self { user_id: user.id.uuid(), name, email: user.email, created_at: user.created_at }
    }
}
