//! `PUT /profile/me`: a person changes their own name.
//!
//! Only names can be changed here. Whatever else a body holds (`role`, `is_verified`, …) has no effect.

use axum::extract::State;
use serde::Deserialize;
use shared::App;
use shared::event::{Event, EventType};
use shared::http::{Fields, Json, Permitted, Problem};
use shared::name::PersonName;
use shared::role::ProfileUpdate;
use shared::store::Names;
use shared::user::User;
use utoipa::ToSchema;

use super::Profile;

/// The names to have; one that is left out stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateProfile {
    #[schema(example = "John")]
    first_name: Option<String>,
    #[schema(example = "Smith")]
    last_name: Option<String>,
}

impl UpdateProfile {
    fn check(&self) -> Result<Names, Problem> {
        let mut fields = Fields::default();
        let first = fields.take_optional("first_name", self.first_name.as_deref(), PersonName::parse);
        let last = fields.take_optional("last_name", self.last_name.as_deref(), PersonName::parse);
        let (first, last) = fields.all(first.zip(last))?;
        Ok(Names { first, last })
    }
}

/// Change one's own profile
#[utoipa::path(
    put,
    path = "/api/v1/profile/me",
    tag = "profile",
    security(("access_token" = [])),
    request_body = UpdateProfile,
    responses((status = 200, description = "The profile as it is now", body = Profile))
)]
pub(crate) async fn update_profile(
    State(app): State<App>,
    caller: Permitted<ProfileUpdate>,
    Json(form): Json<UpdateProfile>,
) -> Result<Json<Profile>, Problem> {
    let Permitted { user, origin, .. } = caller;
    let names = form.check()?;
    let given = [("first_name", &names.first), ("last_name", &names.last)];
    let changed: Vec<_> = given.iter().filter(|(_, name)| name.is_some()).map(|(field, _)| *field).collect();
    if changed.is_empty() {
        return Ok(Json(user.into()));
    }
    let event = Event::new(EventType::UserProfileUpdated, &origin, app.now())
        .by_themselves(&user)
        .with("fields", changed);
    if !app.store.rename(user.id, &names, &event).await? {
        return Err(Problem::user_not_found(user.id));
    }
    let first_name = names.first.map_or(user.first_name, String::from);
    let last_name = names.last.map_or(user.last_name, String::from);
    Ok(Json(User { first_name, last_name, ..user }.into()))
}
