//! Fresh proof: before what would let a thief keep an account, whoever holds a good token shows that they know the
//! password (OWASP ASVS 5.0, 7.5.1). Wrong guesses count like those of a login, so that a stolen token is no way to
//! guess.

use ::http::StatusCode;

use super::problem::{FieldError, Problem};
use crate::app::App;
use crate::credential::Credential;
use crate::event::details::{SignInRefusal, SignInRefused};
use crate::event::{Event, EventType, Origin};
use crate::password::Password;
use crate::secret::Secret;
use crate::user::User;

/// The credential of the account, if `password` is its password. The write that follows asks that it still stands so.
///
/// # Errors
/// 400 `INVALID_CURRENT_PASSWORD`, also while the address is locked.
pub async fn fresh_proof(
    app: &App,
    (user, origin): (&User, &Origin),
    password: &Secret,
) -> Result<Credential, Problem> {
    let (credential, now) = (app.store.credential(&user.email).await?, app.now());
    let hash = credential.hash_to_verify(now).filter(|_| credential.user_id() == Some(user.id));
    let right = match Password::presented(password) {
        Some(password) => app.passwords.verify(password, hash).await?,
        None => false,
    };
    if right {
        return Ok(credential);
    }
    let event = Event::new(EventType::SecurityFailedLogin, origin, now)
        .by_themselves(user)
        .telling(SignInRefused { reason: SignInRefusal::WrongCurrentPassword });
    app.store.count_failure(&user.email, &credential, &event).await?;
    let field = FieldError::new("current_password", "is not the current password");
    let message = "The current password is wrong";
    Err(Problem::new(StatusCode::BAD_REQUEST, "INVALID_CURRENT_PASSWORD", message).about(&[field]))
}
