//! `GET /profile/me`: a person's own profile, in one call to the table.

use shared::http::{Json, Permitted};
use shared::role::ProfileRead;

use super::Profile;

/// Read one's own profile
#[utoipa::path(
    get,
    path = "/api/v1/profile/me",
    tag = "profile",
    security(("access_token" = [])),
    responses((status = 200, description = "The caller's profile", body = Profile))
)]
pub(crate) async fn get_profile(caller: Permitted<ProfileRead>) -> Json<Profile> {
    Json(caller.user.into())
}
