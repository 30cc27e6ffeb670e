//! What callers do with accounts, whichever endpoint they ask: each of these is allowed, made and told in one
//! way. The endpoints differ in what they take and show.

use ::http::{StatusCode, header};

use super::caller::Permitted;
use super::etag::IfMatch;
use super::fresh_proof::fresh_proof;
use super::problem::{FieldError, Problem};
use crate::app::App;
use crate::event::details::{AccountUpdated, FieldsChanged};
use crate::event::{Event, EventType, Notice};
use crate::privacy::SealedEmail;
use crate::registration::NewAccount;
use crate::role::{AdminAll, ProfileUpdate, UserCreate, UserDelete, UserUpdate};
use crate::secret::Secret;
use crate::store::Registration;
use crate::user::{PendingEmail, Status, User};
use crate::user_change::{UserChange, fields, is_own_affair};

impl Permitted<UserCreate> {
    /// A new account, verified and approved, of a role that the caller may give.
    pub async fn create(&self, app: &App, account: NewAccount) -> Result<User, Problem> {
        self.may_grant(&account.role)?;
        let (user, registration) = app.create_account(account, (&self.user, &self.origin)).await?;
        match registration {
            Registration::Added => Ok(user),
            Registration::Overtaken => Err(Problem::changed_meanwhile()),
            Registration::UsernameTaken => Err(Problem::username_exists()),
            Registration::EmailTaken => Err(Problem::email_taken()),
        }
    }
}

impl Permitted<UserUpdate> {
    /// Another's account as `change` makes it; as it is, if that changes nothing. A new address is theirs at once,
    /// as proven as the one before; both are told.
    pub async fn update(
        &self,
        app: &App,
        user: User,
        (change, if_match): (UserChange, &IfMatch),
    ) -> Result<User, Problem> {
        self.may_act_on(&user)?;
        if change.email.as_ref().is_some_and(|email| *email != user.email) {
            self.may_move(app, &user).await?;
        }
        if let Some(role) = change.role.as_ref().filter(|role| role.role() != user.role) {
            self.may_grant(role)?;
        }
        if user.rejection.is_some() && change.is_active == Some(true) {
            // It takes back what only these may decide.
            self.clone().also::<AdminAll>()?;
        }
        let changed = change.apply(&user, app.now());
        if_match.check(user.version)?;
        let Some(changed) = changed else { return Ok(user) };
        let event = Event::new(EventType::AdminUserUpdated, &self.origin, changed.updated_at)
            .by(self.user.id)
            .to(&user)
            .counting(Some(&user), &changed)
            .telling(AccountUpdated {
                fields: fields(&user, &changed),
                role: changed.role.name().to_owned(),
                role_before: user.role.name().to_owned(),
                status: changed.status,
                status_before: user.status,
            });
        let events = if changed.email == user.email {
            vec![event]
        } else {
            let moved = Event::new(EventType::UserEmailChanged, &self.origin, changed.updated_at)
                .by(self.user.id)
                .to(&user)
                .mail(Notice::EmailReplaced { former: SealedEmail::of(&user) });
            vec![event.mail(Notice::EmailAssigned), moved]
        };
        if_match.settle(app.store.change((&self.user, &user), &changed, &events).await?)?;
        Ok(changed)
    }

    /// Whether the caller may give `user` another address. Who has the address can have the password: only who could
    /// make such an account may take it over.
    async fn may_move(&self, app: &App, user: &User) -> Result<(), Problem> {
        let maker = self.clone().also::<UserCreate>()?;
        match app.store.known_role(&user.tenant, user.role.clone()).await? {
            Some(role) => maker.may_grant(&role),
            // A role that is gone lets nobody do anything.
            None => Ok(()),
        }
    }
}

/// What somebody changes about themselves.
pub struct OwnChange {
    /// The change.
    pub change: UserChange,
    /// Their password, which another address asks for.
    pub current_password: Option<Secret>,
}

impl Permitted<ProfileUpdate> {
    /// The caller's own account as they would have it; as it is, if that changes nothing. How they are called and
    /// reached is theirs to change, and nothing else.
    ///
    /// Another address takes effect when it is proven; the one they have hears of it. Whether it has an account
    /// already is neither asked nor told before that: whoever reads its mail learns it. Nobody can use us to mail one
    /// stranger after another: while a link is fresh, no second one is sent.
    pub async fn update_own(
        &self,
        app: &App,
        OwnChange { mut change, current_password }: OwnChange,
        if_match: &IfMatch,
    ) -> Result<User, Problem> {
        let (user, now) = (&self.user, app.now());
        let just_asked_for = user.email_just_asked_for(now);
        let email = change.email.take();
        let email = email.filter(|email| *email != user.email && Some(email) != just_asked_for);
        let pending = email.map(|email| PendingEmail::new(email, now));
        change.pending_email.clone_from(&pending);
        let changed = change.apply(user, now);
        let fields = changed.as_ref().map(|changed| fields(user, changed)).unwrap_or_default();
        if !is_own_affair(&fields) {
            return Err(Problem::own_account());
        }
        if_match.check(user.version)?;
        let Some(changed) = changed else { return Ok(user.clone()) };
        let event = |event_type| Event::new(event_type, &self.origin, now).by_themselves(user);
        let updated = event(EventType::UserProfileUpdated).telling(FieldsChanged { fields });
        let outcome = if let Some(PendingEmail { token, .. }) = pending {
            if just_asked_for.is_some() {
                return Err(Problem::just_asked());
            }
            let password = current_password.ok_or_else(|| {
                let message = "is required to change the address";
                Problem::invalid(&[FieldError::new("current_password", message)])
            })?;
            let seen = fresh_proof(app, (user, &self.origin), &password).await?;
            let requested = event(EventType::UserEmailChangeRequested);
            let events = [
                updated.mail(Notice::EmailChangeRequested),
                requested.mail(Notice::EmailProof { nonce: token.nonce }),
            ];
            app.store.change_proven((user, &seen), &changed, &events).await?
        } else {
            app.store.change((user, user), &changed, &[updated]).await?
        };
        if_match.settle(outcome)?;
        Ok(changed)
    }
}

impl Problem {
    /// 429: a link to another address went out a moment ago.
    fn just_asked() -> Self {
        let message = "An address change is already pending; follow its link or wait five minutes";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "EMAIL_CHANGE_PENDING", message)
            .header(header::RETRY_AFTER, "300")
    }
}

impl Permitted<UserDelete> {
    /// Another's account as it is from now on: gone for everybody, out of the lists, its sessions over. Its
    /// record and its address stay for the time of retention.
    pub async fn delete(&self, app: &App, user: User, if_match: &IfMatch) -> Result<User, Problem> {
        self.may_act_on(&user)?;
        if_match.check(user.version)?;
        let now = app.now();
        let gone = User {
            status: Status::Deleted,
            deleted_at: Some(now),
            generation: user.generation + 1,
            updated_at: now,
            ..user.clone()
        };
        let event = Event::new(EventType::AdminUserDeleted, &self.origin, now)
            .by(self.user.id)
            .to(&user)
            .counting(Some(&user), &gone);
        if_match.settle(app.store.change((&self.user, &user), &gone, &[event]).await?)?;
        Ok(gone)
    }
}
