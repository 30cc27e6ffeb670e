//! `PUT /profile/me`: a person changes their own name and asks for another address, which takes effect when the link
//! that is mailed to it was followed.
//!
//! Only names and the address can be changed here. Whatever else a body holds (`role`, `is_verified`, …) has no effect.

use axum::extract::State;
use serde::Deserialize;
use shared::App;
use shared::email::Email;
use shared::http::{Fields, IfMatch, Json, OwnChange, Permitted, Problem, Tagged};
use shared::role::ProfileUpdate;
use shared::secret::Secret;
use shared::user::User;
use shared::user_change::UserChange;
use utoipa::ToSchema;

use super::Profile;

/// What to change; fields left out stay as they are.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateProfile {
    #[schema(example = "John")]
    first_name: Option<String>,
    #[schema(example = "Smith")]
    last_name: Option<String>,
    #[schema(example = "john.smith@example.com")]
    email: Option<String>,
    /// Required to change the address.
    #[schema(value_type = Option<String>, format = Password, example = "CurrentPass123!")]
    current_password: Option<Secret>,
}

impl UpdateProfile {
    /// What is asked of `user`.
    fn check(self, user: &User) -> Result<OwnChange, Problem> {
        let mut fields = Fields::default();
        let first = fields.take_name("first_name", self.first_name.as_deref(), &user.first_name);
        let last = fields.take_name("last_name", self.last_name.as_deref(), &user.last_name);
        let email = fields.take_optional("email", self.email.as_deref(), Email::parse);
        let ((first_name, last_name), email) = fields.all(first.zip(last).zip(email))?;
        let change = UserChange { email, first_name, last_name, ..UserChange::default() };
        Ok(OwnChange { change, current_password: self.current_password })
    }
}

/// Change your own profile
#[utoipa::path(
    put,
    path = "/api/v1/profile/me",
    tag = "profile",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` that came with the profile")),
    security(("access_token" = [])),
    request_body = UpdateProfile,
    responses((
        status = 200,
        description = "The updated profile",
        body = Profile,
        headers(("ETag" = String, description = "The version of the profile, for `If-Match`"))
    ))
)]
pub(crate) async fn update_profile(
    State(app): State<App>,
    caller: Permitted<ProfileUpdate>,
    if_match: IfMatch,
    Json(form): Json<UpdateProfile>,
) -> Result<Tagged<Profile>, Problem> {
    let change = form.check(&caller.user)?;
    let user = caller.update_own(&app, change, &if_match).await?;
    Ok(Tagged(user.version, user.into()))
}
