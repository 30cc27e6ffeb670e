//! Users as a resource: `/api/v1/users`. Whoever holds a permission works with other people's records; everybody
//! reads their own, and changes how they are called and reached.

mod create;
mod delete;
mod list;
mod read;
mod update;

use serde::Serialize;
use serde_json::{Map, Value};
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::http::Fields;
use shared::id::UserId;
use shared::role::Role;
use shared::user::User;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list_user_records, create::create_user_record)).routes(routes!(
        read::read_user_record,
        update::replace_user_record,
        update::patch_user_record,
        delete::delete_user_record
    ))
}

/// What the field `username` holds: an address, if it has an `@`, or else a user name.
fn address_or_name(username: Option<&str>) -> (Option<&str>, Option<&str>) {
    match username {
        Some(address) if address.contains('@') => (Some(address), None),
        name => (None, name),
    }
}

/// The address that a request names as `email`, as `username` or as both; two are noted as wrong.
fn one_address(fields: &mut Fields, email: Option<Email>, username: Option<Email>) -> Option<Email> {
    if email.is_some() && username.is_some() && email != username {
        fields.note("username", "must be the same address as `email` if it contains an `@`");
    }
    email.or(username)
}

/// An account. Some fields have two names.
#[derive(Serialize, ToSchema)]
struct UserRecord {
    /// The user's id as a hyphenated UUID.
    id: Uuid,
    user_id: UserId,
    /// The user name; the address, if there is none.
    #[schema(example = "john_doe")]
    username: String,
    #[schema(value_type = String)]
    email: Email,
    /// The new address, until it is verified.
    #[schema(value_type = Option<String>)]
    pending_email: Option<Email>,
    first_name: String,
    last_name: String,
    phone: Option<String>,
    /// Anything that administrators store with the account.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    #[schema(value_type = String, example = "user")]
    role: Role,
    is_active: bool,
    active: bool,
    is_verified: bool,
    is_approved: bool,
    must_change_password: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<Timestamp>,
    login_count: u64,
}

impl From<User> for UserRecord {
    fn from(user: User) -> Self {
        Self {
            id: user.id.uuid(),
            user_id: user.id,
            is_active: user.is_active(),
            active: user.is_active(),
            is_verified: user.is_verified(),
            is_approved: user.is_approved(),
            username: user.username.map_or_else(|| user.email.as_str().to_owned(), String::from),
            email: user.email,
            pending_email: user.pending_email.map(|pending| pending.email),
            first_name: user.first_name,
            last_name: user.last_name,
            phone: user.phone,
            metadata: user.metadata,
            role: user.role,
            must_change_password: user.must_change_password,
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_login: user.last_login_at,
            last_login_at: user.last_login_at,
            login_count: user.login_count,
        }
    }
}
