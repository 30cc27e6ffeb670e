//! The first administrator: from the settings, or with a password made up and told once.

use aws_lc_rs::error::Unspecified;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::App;
use shared::secret::Secret;

use crate::{Admin, StartError};

/// The administrator that a start has created.
pub struct NewAdmin {
    /// The address to sign in with.
    pub email: String,
    /// The password, if it was made up: it is kept nowhere else.
    pub password: Option<String>,
}

/// Creates the administrator if there is none.
pub(crate) async fn create(app: &App, admin: Option<&Admin>) -> Result<Option<NewAdmin>, StartError> {
    let Some(Admin { email, password }) = admin else { return Ok(None) };
    let made_up = match password {
        Some(_) => None,
        None => Some(make_up().map_err(|_| StartError::Randomness)?),
    };
    let password = Secret::new(password.as_ref().or(made_up.as_ref()).map_or("", String::as_str));
    let created = shared::first_admin::create(app, email, &password).await?;
    Ok(created.then(|| NewAdmin { email: email.clone(), password: made_up }))
}

/// A password of 120 random bits. The ending holds a character of each kind that the password rules ask for.
fn make_up() -> Result<String, Unspecified> {
    let mut bytes = [0; 15];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes) + "-Aa1!")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_password_is_new_each_time() {
        assert_ne!(make_up().unwrap(), make_up().unwrap());
        assert_eq!(make_up().unwrap().len(), 25);
    }
}
