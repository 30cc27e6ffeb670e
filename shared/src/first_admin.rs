//! The first administrator: somebody must be there to let others in. There can be only one first.

use crate::app::App;
use crate::credential::Credential;
use crate::email::Email;
use crate::event::details::FirstAdministrator;
use crate::event::{Event, EventType, Origin};
use crate::fault::Fault;
use crate::password::{Password, Policy};
use crate::role::Role;
use crate::secret::Secret;
use crate::session::Device;
use crate::store::Registration;
use crate::user::{Decision, User};

/// Why there is no first administrator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error("the administrator's e-mail address {0}")]
    Email(String),
    /// The password is weak.
    #[error("the administrator's password is too weak: {0}")]
    Password(String),
    /// Somebody has an account with the address.
    #[error("the administrator's e-mail address has an account already; take another one")]
    EmailTaken,
    /// The table or the keys failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Makes the first `super_admin`; `false` if there was one before.
///
/// # Errors
/// When the address or the password is not acceptable, or the table fails.
pub async fn create(app: &App, email: &str, password: &Secret) -> Result<bool, Error> {
    let address = Email::parse(email).map_err(|error| Error::Email(error.to_string()))?;
    let password = Password::chosen(password, Policy::WithSpecial, &[email]).map_err(|weak| {
        Error::Password(weak.iter().map(|weakness| weakness.message()).collect::<Vec<_>>().join("; "))
    })?;
    let hash = app.passwords.hash(password).await.map_err(Fault::from)?;
    let now = app.now();
    let mut user = User::registered(address, "First".to_owned(), "Administrator".to_owned(), now);
    user.role = Role::SuperAdmin;
    user.verified_at = Some(now);
    user.approval = Some(Decision { by: user.id, at: now });
    let device = Device { ip_address: "127.0.0.1".to_owned(), user_agent: "installation".to_owned() };
    let origin = Origin::new(user.id.uuid().to_string(), device);
    let event = Event::new(EventType::SystemFirstAdministratorCreated, &origin, now)
        .to(&user)
        .counting(None, &user)
        .telling(FirstAdministrator { role: user.role.name().to_owned() });
    let credential = Credential::new(user.id, hash);
    match app.store.register_first(&user, &credential, &event).await? {
        Registration::Added => Ok(true),
        Registration::Overtaken => Ok(false),
        Registration::EmailTaken | Registration::UsernameTaken => Err(Error::EmailTaken),
    }
}
