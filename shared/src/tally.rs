//! Counters: how many accounts there are of each kind. An event says by how much it changes them, so whoever
//! counts events counts accounts.

use std::collections::BTreeMap;

use crate::role::Role;
use crate::user::{Status, User};

/// By how much each counter changes.
pub type Tally = BTreeMap<String, i64>;

/// All accounts that are not deleted.
pub const ALL: &str = "users";
/// Those that work.
pub const ACTIVE: &str = "active";
/// Those that are switched off.
pub const INACTIVE: &str = "inactive";
/// Those whose address is not proven.
pub const UNVERIFIED: &str = "unverified";
/// Those that nobody let in yet.
pub const UNAPPROVED: &str = "unapproved";

/// The counter of accounts of a role, or of those of them in a state.
pub fn of_role(role: &Role, status: Option<Status>) -> String {
    match status {
        Some(status) => format!("role:{}:{}", role.name(), status.name()),
        None => format!("role:{}", role.name()),
    }
}

/// How many accounts each role has that anybody has.
pub fn by_role(tally: &Tally) -> impl Iterator<Item = (&str, i64)> {
    let roles = tally.iter().filter_map(|(counter, number)| Some((counter.strip_prefix("role:")?, *number)));
    roles.filter(|(role, number)| !role.contains(':') && *number > 0)
}

/// The counter of the accounts that a list with this filter shows.
pub fn of_list(role: Option<&Role>, status: Option<Status>) -> String {
    match (role, status) {
        (Some(role), status) => of_role(role, status),
        (None, None) => ALL.to_owned(),
        (None, Some(Status::Active)) => ACTIVE.to_owned(),
        (None, Some(_)) => INACTIVE.to_owned(),
    }
}

/// The counters that count `user`.
fn counters(user: &User) -> Vec<String> {
    if user.status == Status::Deleted {
        return Vec::new();
    }
    let state = if user.is_active() { ACTIVE } else { INACTIVE };
    let mut counters = vec![ALL.to_owned(), state.to_owned()];
    counters.extend([of_role(&user.role, None), of_role(&user.role, Some(user.status))]);
    if !user.is_verified() {
        counters.push(UNVERIFIED.to_owned());
    }
    if !user.is_approved() {
        counters.push(UNAPPROVED.to_owned());
    }
    counters
}

/// What changes when the account `before` becomes `after`; there may be none before, or after.
pub fn between(before: Option<&User>, after: Option<&User>) -> Tally {
    let mut tally = Tally::new();
    for (user, by) in [(before, -1), (after, 1)] {
        for counter in user.map(counters).unwrap_or_default() {
            *tally.entry(counter).or_default() += by;
        }
    }
    tally.retain(|_, by| *by != 0);
    tally
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::email::Email;

    fn user() -> User {
        let email = Email::parse("ada@example.com").unwrap();
        User::registered(email, "Ada".into(), "Lovelace".into(), Timestamp::UNIX_EPOCH)
    }

    fn tally<const N: usize>(changes: [(&str, i64); N]) -> Tally {
        changes.into_iter().map(|(counter, by)| (counter.to_owned(), by)).collect()
    }

    #[test]
    fn what_stays_the_same_is_not_counted() {
        let promoted = User { role: Role::Admin, ..user() };
        let changes =
            [("role:admin", 1), ("role:admin:active", 1), ("role:user", -1), ("role:user:active", -1)];
        assert_eq!(between(Some(&user()), Some(&promoted)), tally(changes));
    }

    #[test]
    fn deleting_undoes_registering() {
        let deleted = User { status: Status::Deleted, ..user() };
        let (came, went) = (between(None, Some(&user())), between(Some(&user()), Some(&deleted)));
        assert!(
            came.len() == 6 && came.iter().all(|(counter, by)| went[counter] == -by),
            "{came:?} {went:?}"
        );
    }
}
