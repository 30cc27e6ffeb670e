//! `GET /profile/me`: a person's own profile, in one call to the table.

use shared::http::{Permitted, Tagged};
use shared::role::ProfileRead;

use super::Profile;

/// Read your own profile
#[utoipa::path(
    get,
    path = "/api/v1/profile/me",
    tag = "profile",
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "The caller's profile",
        body = Profile,
        headers(("ETag" = String, description = "The version of the profile, for `If-Match`"))
    ))
)]
pub(crate) async fn get_profile(caller: Permitted<ProfileRead>) -> Tagged<Profile> {
    Tagged(caller.user.version, caller.user.into())
}
