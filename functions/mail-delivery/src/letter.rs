//! The letter that a notice asks for, with the links that only we can make.

use shared::App;
use shared::email::Email;
use shared::event::{Event, Notice};
use shared::fault::Fault;
use shared::mail::{Letter, Mail};
use shared::token::{INVITATION_SECONDS, MailToken, Nonce, Purpose};
use shared::user::{Status, User};

/// Seconds of what letters tell lifetimes in.
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Where the letter to `user` goes. Nowhere if it has nothing more to say: the address was proven meanwhile, or the
/// password is known, since the person has signed in, or another address was asked for, or the account does not work.
pub(crate) fn recipient(notice: &Notice, user: &User) -> Option<Email> {
    match notice {
        Notice::Verification { .. } if user.is_verified() || user.status == Status::Deleted => None,
        Notice::PasswordReset { .. } | Notice::WebhookDisabled { .. } if !user.is_active() => None,
        Notice::Invitation { .. } if user.last_login_at.is_some() => None,
        Notice::EmailProof { nonce } => user.email_asked_for(*nonce).cloned(),
        Notice::EmailReplaced { former } => former.open(user),
        _ => Some(user.email.clone()),
    }
}

/// Writes the letter to `user` about `event`.
pub(crate) async fn write(app: &App, event: &Event, notice: &Notice, user: &User) -> Result<Mail, Fault> {
    let (first_name, at) = (user.first_name.as_str(), event.at);
    let link = match *notice {
        Notice::Verification { nonce } => link(app, user, (Purpose::VerifyEmail, nonce)).await?,
        Notice::PasswordReset { nonce } | Notice::Invitation { nonce } => {
            link(app, user, (Purpose::ResetPassword, nonce)).await?
        }
        Notice::EmailProof { nonce } => link(app, user, (Purpose::ChangeEmail, nonce)).await?,
        Notice::PasswordChanged
        | Notice::EmailChangeRequested
        | Notice::EmailAssigned
        | Notice::EmailReplaced { .. }
        | Notice::Approved
        | Notice::Rejected
        | Notice::SessionRevoked
        | Notice::WebhookDisabled { .. } => String::new(),
    };
    let link = link.as_str();
    let webhook = match notice {
        Notice::WebhookDisabled { webhook } => webhook.to_string(),
        _ => String::new(),
    };
    let device = event.device.open(user.id, &user.privacy_key);
    let address = device.as_ref().map(|device| device.ip_address.as_str());
    let letter = match notice {
        Notice::Verification { .. } => {
            let expires_hours = Purpose::VerifyEmail.lifetime_seconds() / HOUR;
            Letter::Verification { first_name, link, expires_hours }
        }
        Notice::PasswordReset { .. } => {
            let expires_minutes = Purpose::ResetPassword.lifetime_seconds() / MINUTE;
            Letter::PasswordReset { first_name, link, expires_minutes }
        }
        Notice::Invitation { .. } => {
            Letter::Invitation { first_name, link, expires_days: INVITATION_SECONDS / DAY }
        }
        Notice::PasswordChanged => Letter::PasswordChanged { first_name, at, address },
        Notice::EmailProof { .. } => {
            let expires_hours = Purpose::ChangeEmail.lifetime_seconds() / HOUR;
            Letter::EmailProof { first_name, link, expires_hours }
        }
        Notice::EmailChangeRequested => Letter::EmailChangeRequested { first_name, at, address },
        Notice::EmailAssigned => Letter::EmailAssigned { first_name, at },
        Notice::EmailReplaced { .. } => Letter::EmailReplaced { first_name, at },
        Notice::Approved => Letter::AccountApproved { first_name },
        Notice::Rejected => {
            let reason = user.rejection.as_ref().map(|rejection| rejection.reason.as_str());
            Letter::AccountRejected { first_name, reason: reason.filter(|reason| !reason.is_empty()) }
        }
        Notice::SessionRevoked => Letter::SessionRevoked { first_name, at },
        Notice::WebhookDisabled { .. } => Letter::WebhookDisabled { first_name, webhook: &webhook, at },
    };
    letter.render().map_err(|error| Fault::broken("writing a letter", error))
}

/// The link that carries a token, in its fragment: no browser sends that to anybody, no log holds it.
async fn link(app: &App, user: &User, (purpose, nonce): (Purpose, Nonce)) -> Result<String, Fault> {
    let token = app.keys.seal_mail_token(purpose, MailToken { user_id: user.id, nonce }).await?;
    let page = match purpose {
        Purpose::VerifyEmail | Purpose::ChangeEmail => "verify-email",
        Purpose::ResetPassword => "reset-password",
    };
    Ok(format!("{}/{page}#token={token}", app.config.frontend_url))
}
