//! Registering: an account, its address and its user name claimed, its event told; in one write. Who registers
//! themselves has yet to prove their address; whom an administrator registers has not.

use crate::app::App;
use crate::credential::Credential;
use crate::email::Email;
use crate::event::details::AccountCreated;
use crate::event::{Event, EventType, Notice, Origin};
use crate::fault::Fault;
use crate::name::Username;
use crate::password::Password;
use crate::role::KnownRole;
use crate::store::Registration;
use crate::token::{MailToken, PendingToken, Purpose};
use crate::user::{Decision, User};

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

/// An account that somebody makes for another.
pub struct NewAccount {
    /// The address that it signs in with.
    pub email: Email,
    /// Its user name.
    pub username: Option<Username>,
    /// Given name; may be empty.
    pub first_name: String,
    /// Family name; may be empty.
    pub last_name: String,
    /// What it may do.
    pub role: KnownRole,
    /// The password.
    pub password: Password,
    /// Whether that is a temporary one.
    pub must_change_password: bool,
}

impl App {
    /// Makes `account` by the will of `actor`, in their tenant, verified and approved from the start.
    ///
    /// # Errors
    /// When the table fails, or too many passwords are being hashed.
    pub async fn create_account(
        &self,
        account: NewAccount,
        (actor, origin): (&User, &Origin),
    ) -> Result<(User, Registration), Fault> {
        let hash = self.passwords.hash(account.password).await?;
        let now = self.now();
        let user = User {
            username: account.username,
            role: account.role.role(),
            tenant: actor.tenant.clone(),
            verified_at: Some(now),
            approval: Some(Decision { by: actor.id, at: now }),
            must_change_password: account.must_change_password,
            ..User::registered(account.email, account.first_name, account.last_name, now)
        };
        let event = Event::new(EventType::AdminUserCreated, origin, now)
            .by(actor.id)
            .to(&user)
            .counting(None, &user)
            .telling(AccountCreated { role: user.role.name().to_owned(), operation_id: None });
        let credential = Credential::new(user.id, hash);
        let registration = self.store.register_for(actor, (&user, &credential), &event).await?;
        Ok((user, registration))
    }

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
            .counting(None, &user)
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
