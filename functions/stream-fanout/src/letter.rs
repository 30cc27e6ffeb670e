//! The letter that a notice asks for, with the links that only we can make.

use shared::App;
use shared::event::{Event, Notice};
use shared::fault::Fault;
use shared::mail::{Letter, Mail};
use shared::token::{MailToken, Nonce, Purpose};
use shared::user::User;

/// Writes the letter to `user` about `event`.
pub(crate) async fn write(app: &App, event: &Event, notice: Notice, user: &User) -> Result<Mail, Fault> {
    let (first_name, at) = (user.first_name.as_str(), event.at);
    let link = match notice {
        Notice::Verification { nonce } => link(app, user, (Purpose::VerifyEmail, nonce)).await?,
        Notice::PasswordReset { nonce } => link(app, user, (Purpose::ResetPassword, nonce)).await?,
        Notice::PasswordChanged | Notice::Approved | Notice::Rejected | Notice::SessionRevoked => {
            String::new()
        }
    };
    let link = link.as_str();
    let address = Some(event.device.ip_address.as_str());
    let letter = match notice {
        Notice::Verification { .. } => Letter::Verification { first_name, link, expires_hours: 24 },
        Notice::PasswordReset { .. } => Letter::PasswordReset { first_name, link, expires_minutes: 60 },
        Notice::PasswordChanged => Letter::PasswordChanged { first_name, at, address },
        Notice::Approved => Letter::AccountApproved { first_name },
        Notice::Rejected => {
            let reason = user.rejection.as_ref().map(|rejection| rejection.reason.as_str());
            Letter::AccountRejected { first_name, reason: reason.filter(|reason| !reason.is_empty()) }
        }
        Notice::SessionRevoked => Letter::SessionRevoked { first_name, at },
    };
    letter.render().map_err(|error| Fault::broken("writing a letter", error))
}

/// The link that carries a token, in its fragment: no browser sends that to anybody, no log holds it.
async fn link(app: &App, user: &User, (purpose, nonce): (Purpose, Nonce)) -> Result<String, Fault> {
    let token = app.keys.seal_mail_token(purpose, MailToken { user_id: user.id, nonce }).await?;
    let page = match purpose {
        Purpose::VerifyEmail => "verify-email",
        Purpose::ResetPassword => "reset-password",
    };
    Ok(format!("{}/{page}#token={token}", app.config.frontend_url))
}
