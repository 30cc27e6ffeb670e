//! `PUT` and `PATCH /users/{user_id}`: an account is changed. Both change what the request names and nothing else, as
//! the clients of either expect.
//!
//! Everybody changes how they are called and reached themselves; the rest is for those who may update users, on
//! accounts below their own. An own address that is new takes effect when it is proven, another's at once.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};
use shared::App;
use shared::email::Email;
use shared::http::{Fields, Json, OwnChange, Permitted, Problem, Tagged, Target};
use shared::name::Username;
use shared::role::{ProfileUpdate, UserUpdate};
use shared::secret::Secret;
use shared::user::User;
use shared::user_change::UserChange;
use shared::user_details;
use utoipa::ToSchema;

use super::{UserRecord, address_or_name, one_address};

/// What to change; fields left out stay as they are.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UserRecordChange {
    /// A user name; or, with an `@`, the address.
    #[schema(example = "john_doe")]
    username: Option<String>,
    /// The new address. Your own takes effect once the link mailed to it was followed; another user's does at once, and
    /// requires `user:create`. The old address is notified.
    email: Option<String>,
    /// Your own password; required to change your own address.
    #[schema(value_type = Option<String>, format = Password)]
    current_password: Option<Secret>,
    #[schema(example = "John")]
    first_name: Option<String>,
    #[schema(example = "Doe")]
    last_name: Option<String>,
    /// At most 32 characters: digits, spaces and `+-()`. An empty text removes it.
    #[schema(example = "+44 20 7946 0000")]
    phone: Option<String>,
    /// Replaces all metadata of the account; at most 4,096 bytes as JSON.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    #[schema(example = "manager")]
    role: Option<String>,
    is_active: Option<bool>,
    /// Alias of `is_active`.
    active: Option<bool>,
    must_change_password: Option<bool>,
}

impl UserRecordChange {
    /// What is asked of `user`. Where there is no user name, both fields show the address, and may come back so.
    async fn check(self, app: &App, user: &User) -> Result<UserChange, Problem> {
        let mut fields = Fields::default();
        let email = fields.take_optional("email", self.email.as_deref(), Email::parse);
        let (address, name) = address_or_name(self.username.as_deref());
        let address = fields.take_optional("username", address, Email::parse);
        let username = fields.take_optional("username", name, Username::parse);
        let first_name = fields.take_name("first_name", self.first_name.as_deref(), &user.first_name);
        let last_name = fields.take_name("last_name", self.last_name.as_deref(), &user.last_name);
        let phone = fields.take_optional("phone", self.phone.as_deref(), user_details::phone);
        let metadata = self.metadata.map(user_details::metadata).transpose();
        let metadata = fields.take("metadata", metadata);
        let role = fields.take_role(&app.store, &user.tenant, self.role.as_deref()).await?;
        let is_edited = |email: &Email| user.username.is_some() || *email != user.email;
        let addresses = email.zip(address).map(|(email, address)| {
            one_address(&mut fields, email.filter(is_edited), address.filter(is_edited))
        });
        let names = first_name.zip(last_name).zip(addresses);
        let (((first_name, last_name), email), ((username, role), (phone, metadata))) =
            fields.all(names.zip(username.zip(role).zip(phone.zip(metadata))))?;
        Ok(UserChange {
            email,
            pending_email: None,
            first_name,
            last_name,
            username,
            phone,
            metadata,
            role,
            is_active: self.is_active.or(self.active),
            must_change_password: self.must_change_password,
        })
    }

    /// The account that `target` names, changed.
    async fn make(
        mut self,
        app: &App,
        caller: Permitted<ProfileUpdate>,
        Target { id, if_match }: &Target,
    ) -> Result<Tagged<UserRecord>, Problem> {
        let user = if caller.is(id) {
            let current_password = self.current_password.take();
            let change = self.check(app, &caller.user).await?;
            caller.update_own(app, OwnChange { change, current_password }, if_match).await?
        } else {
            let caller = caller.also::<UserUpdate>()?;
            let user = caller.find(app, id).await?;
            let change = self.check(app, &user).await?;
            caller.update(app, user, (change, if_match)).await?
        };
        Ok(Tagged(user.version, user.into()))
    }
}

/// Change a user
#[utoipa::path(
    put,
    path = "/api/v1/users/{user_id}",
    tag = "users",
    params(
        ("user_id" = String, Path, description = "A UUID, or `usr_` and 32 hexadecimal digits"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that came with the account")
    ),
    security(("access_token" = [])),
    request_body = UserRecordChange,
    responses((
        status = 200,
        description = "The updated account",
        body = UserRecord,
        headers(("ETag" = String, description = "The version of the account, for `If-Match`"))
    ))
)]
pub(crate) async fn replace_user_record(
    State(app): State<App>,
    caller: Permitted<ProfileUpdate>,
    target: Target,
    Json(form): Json<UserRecordChange>,
) -> Result<Tagged<UserRecord>, Problem> {
    form.make(&app, caller, &target).await
}

/// Change a user, as `PUT` does
#[utoipa::path(
    patch,
    path = "/api/v1/users/{user_id}",
    tag = "users",
    params(
        ("user_id" = String, Path, description = "A UUID, or `usr_` and 32 hexadecimal digits"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that came with the account")
    ),
    security(("access_token" = [])),
    request_body = UserRecordChange,
    responses((
        status = 200,
        description = "The updated account",
        body = UserRecord,
        headers(("ETag" = String, description = "The version of the account, for `If-Match`"))
    ))
)]
pub(crate) async fn patch_user_record(
    State(app): State<App>,
    caller: Permitted<ProfileUpdate>,
    target: Target,
    Json(form): Json<UserRecordChange>,
) -> Result<Tagged<UserRecord>, Problem> {
    form.make(&app, caller, &target).await
}
