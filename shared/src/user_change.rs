//! What is asked of an account, and what the account is after it. Who may ask is decided elsewhere
//! ([`crate::http::Permitted`]).

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::email::Email;
use crate::name::{PersonName, Username};
use crate::role::KnownRole;
use crate::user::{PendingEmail, Status, User};

/// What an account shall be; what is not given stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The address.
    pub email: Option<Email>,
    /// The address to be, once it is proven.
    pub pending_email: Option<PendingEmail>,
    /// Given name.
    pub first_name: Option<PersonName>,
    /// Family name.
    pub last_name: Option<PersonName>,
    /// User name.
    pub username: Option<Username>,
    /// Telephone number; none at all, if it is empty.
    pub phone: Option<String>,
    /// All that is kept about it.
    pub metadata: Option<Map<String, Value>>,
    /// What it may do.
    pub role: Option<KnownRole>,
    /// Whether it works.
    pub is_active: Option<bool>,
    /// Whether its password is a temporary one.
    pub must_change_password: Option<bool>,
}

impl UserChange {
    /// The account as it shall be from `now` on; `None` if it is so already.
    pub fn apply(self, user: &User, now: Timestamp) -> Option<User> {
        let status = self.is_active.map(|active| if active { Status::Active } else { Status::Inactive });
        let mut changed = user.clone();
        set(&mut changed.email, self.email);
        set(&mut changed.pending_email, self.pending_email.map(Some));
        set(&mut changed.first_name, self.first_name.map(String::from));
        set(&mut changed.last_name, self.last_name.map(String::from));
        set(&mut changed.username, self.username.map(Some));
        set(&mut changed.phone, self.phone.map(|phone| Some(phone).filter(|it| !it.is_empty())));
        set(&mut changed.metadata, self.metadata);
        set(&mut changed.role, self.role.as_ref().map(KnownRole::role));
        set(&mut changed.status, status);
        set(&mut changed.must_change_password, self.must_change_password);
        if fields(user, &changed).is_empty() {
            return None;
        }
        // Switching an account off ends its sessions for good: switching it on again revives none.
        let switched_off = user.is_active() && !changed.is_active();
        changed.generation += u64::from(switched_off);
        // Whoever is switched on may apply again: to be let in, or to be rejected.
        if !user.is_active() && changed.is_active() {
            changed.rejection = None;
        }
        // What an administrator decides outlasts what was asked for before.
        if switched_off || changed.email != user.email {
            changed.pending_email = None;
        }
        changed.version += 1;
        changed.updated_at = now;
        Some(changed)
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// The fields in which two states of an account differ, by their names in requests.
pub fn fields(before: &User, after: &User) -> Vec<&'static str> {
    let differs = [
        ("email", before.email != after.email),
        ("pending_email", before.pending_email != after.pending_email),
        ("first_name", before.first_name != after.first_name),
        ("last_name", before.last_name != after.last_name),
        ("username", before.username != after.username),
        ("phone", before.phone != after.phone),
        ("metadata", before.metadata != after.metadata),
        ("role", before.role != after.role),
        ("is_active", before.status != after.status),
        ("must_change_password", before.must_change_password != after.must_change_password),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}

/// Whether these changes are a person's own affair: how they are called and reached.
pub fn is_own_affair(fields: &[&str]) -> bool {
    let own = ["pending_email", "first_name", "last_name", "username", "phone"];
    fields.iter().all(|field| own.contains(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;
    use crate::user::{Decision, Rejection};

    fn user() -> User {
        let email = Email::parse("ada@example.com").unwrap();
        User::registered(email, "Ada".into(), "Lovelace".into(), Timestamp::UNIX_EPOCH)
    }

    fn changed(change: UserChange) -> Option<User> {
        change.apply(&user(), Timestamp::MAX)
    }

    #[test]
    fn what_is_so_already_is_no_change() {
        let same = UserChange {
            first_name: PersonName::parse("Ada").ok(),
            role: Some(KnownRole::BuiltIn(Role::User)),
            is_active: Some(true),
            phone: Some(String::new()),
            ..UserChange::default()
        };
        assert!(changed(same).is_none() && changed(UserChange::default()).is_none());
    }

    #[test]
    fn a_change_raises_the_version_and_touches_nothing_else() {
        let change = UserChange { last_name: PersonName::parse("King").ok(), ..UserChange::default() };
        let (before, after) = (user(), changed(change).unwrap());
        assert_eq!(fields(&before, &after), ["last_name"]);
        assert_eq!((after.version, after.updated_at), (before.version + 1, Timestamp::MAX));
        assert_eq!(after.generation, before.generation);
    }

    #[test]
    fn switching_off_ends_all_sessions_and_switching_on_revives_none() {
        let switch = |active| UserChange { is_active: Some(active), ..UserChange::default() };
        let off = switch(false).apply(&user(), Timestamp::MAX).unwrap();
        let on = switch(true).apply(&off, Timestamp::MAX).unwrap();
        assert_eq!([user().generation, off.generation, on.generation], [0, 1, 1]);
    }

    #[test]
    fn switching_on_takes_a_rejection_back_and_nothing_else_does() {
        let decision = Decision { by: user().id, at: Timestamp::UNIX_EPOCH };
        let rejection = Some(Rejection { decision, reason: String::new() });
        let rejected = User { status: Status::Inactive, rejection, ..user() };
        let on = UserChange { is_active: Some(true), ..UserChange::default() };
        let renamed = UserChange { first_name: PersonName::parse("Eve").ok(), ..UserChange::default() };
        assert!(on.apply(&rejected, Timestamp::MAX).unwrap().rejection.is_none());
        assert!(renamed.apply(&rejected, Timestamp::MAX).unwrap().rejection.is_some());
    }

    #[test]
    fn role_and_state_are_nobodys_own_affair() {
        assert!(is_own_affair(&["first_name", "last_name", "username", "phone"]));
        for field in ["email", "role", "is_active", "must_change_password", "metadata"] {
            assert!(!is_own_affair(&["phone", field]), "{field}");
        }
    }
}
