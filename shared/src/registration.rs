//! Registering: an account, its address claimed, a verification mail under way; in one write.

use crate::app::App;
use crate::credential::Credential;
use crate::email::Email;
use crate::event::{Event, EventType, Notice, Origin};
use crate::fault::Fault;
use crate::password::Password;
use crate::store::Registration;
use crate::token::{MailToken, PendingToken, Purpose};
use crate::user::User;

/// Somebody who wants an account.
pub struct Applicant {
    /// The address that they claim.
    pub email: Email,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// The password that they chose.
    pub password: Password,
}

/// Somebody who got one.
pub struct Registered {
    /// The account.
    pub user: User,
    /// The token that their mail carries, where answers may show it.
    pub verification_token: Option<String>,
}

impl App {
    /// Registers `applicant`; `None` if the address has an account. A taken address costs the same work.
    ///
    /// # Errors
    /// When the table or the keys fail, or too many passwords are being hashed.
    pub async fn register(&self, applicant: Applicant, origin: &Origin) -> Result<Option<Registered>, Fault> {
        let Applicant { email, first_name, last_name, password } = applicant;
        let hash = self.passwords.hash(password).await?;
        let now = self.now();
        let user = User::registered(email, first_name, last_name, now);
        let pending = PendingToken::new(Purpose::VerifyEmail, now);
        let credential = Credential { verification: Some(pending), ..Credential::new(user.id, hash) };
        let event = Event::new(EventType::UserRegistered, origin, now)
            .by_themselves(&user)
            .counting(None, Some(&user))
            .mail(Notice::Verification { nonce: pending.nonce });
        if self.store.register(&user, &credential, &event).await? != Registration::Added {
            return Ok(None);
        }
        let token = MailToken { user_id: user.id, nonce: pending.nonce };
        let verification_token = if self.config.expose_tokens {
            Some(self.keys.seal_mail_token(Purpose::VerifyEmail, token).await?)
        } else {
            None
        };
        Ok(Some(Registered { user, verification_token }))
    }
}
