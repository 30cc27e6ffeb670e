//! Makes the system's first administrator: somebody must be there to let others in.
//!
//! It has no route and no trigger. Whoever deployed the system invokes it by hand, and IAM decides who may:
//! `sam remote invoke FirstAdminFunction --stack-name usher --event '{"email": "…", "password": "…"}'`. It works once.

use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use shared::App;
use shared::first_admin;
use shared::secret::Secret;

/// Who it shall be.
#[derive(Deserialize)]
pub struct FirstAdmin {
    email: String,
    password: Secret,
}

/// What became of it.
#[derive(Serialize)]
pub struct Made {
    /// False if there was a first administrator before.
    created: bool,
}

/// Makes the first administrator.
///
/// # Errors
/// When the address or the password is not acceptable, or the table or the keys fail.
pub async fn handle(app: &App, event: LambdaEvent<FirstAdmin>) -> Result<Made, Error> {
    let FirstAdmin { email, password } = event.payload;
    Ok(Made { created: first_admin::create(app, &email, &password).await? })
}
