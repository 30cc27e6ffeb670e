//! Counters: how many accounts there are of each kind.
//!
//! Beside the counters the table keeps as what each account is counted, and of which version. An event says as what its
//! account is to be counted; the difference is added. So what is late, comes twice or out of order counts once, and the
//! counters are at each instant the sum of what the accounts are counted as.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::role::Role;
use crate::user::{Status, User};

/// By how much each counter changes.
pub type Tally = BTreeMap<String, i64>;

/// The version of an account that was erased: none is above.
const ERASED: u64 = i64::MAX.cast_unsigned();

/// As what an account is counted.
///
/// What is empty is left out: DynamoDB Local's stream shows an empty list in a form that no SDK reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The version of the account: of two, the higher one holds.
    pub version: u64,
    /// The counters that count it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    counters: BTreeSet<String>,
}

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
fn counters(user: &User) -> BTreeSet<String> {
    if user.status == Status::Deleted {
        return BTreeSet::new();
    }
    let state = if user.is_active() { ACTIVE } else { INACTIVE };
    let mut counters = BTreeSet::from([ALL.to_owned(), state.to_owned()]);
    counters.extend([of_role(&user.role, None), of_role(&user.role, Some(user.status))]);
    if !user.is_verified() {
        counters.insert(UNVERIFIED.to_owned());
    }
    if !user.is_approved() {
        counters.insert(UNAPPROVED.to_owned());
    }
    counters
}

impl Counted {
    /// As what `user` is to be counted.
    pub fn of(user: &User) -> Self {
        Self { version: user.version, counters: counters(user) }
    }

    /// As what an account is to be counted that is `after` by the next change of `before`, if there was one; nothing
    /// where that makes no difference.
    pub fn changed(before: Option<&User>, after: &User) -> Option<Self> {
        let version = before.map_or(after.version, |before| before.version + 1);
        let counters = counters(after);
        let is_other = before.is_none_or(|before| self::counters(before) != counters);
        is_other.then_some(Self { version, counters })
    }

    /// As what an account is to be counted that was erased: nothing, and for good.
    pub fn erased() -> Self {
        Self { version: ERASED, counters: BTreeSet::new() }
    }

    /// Whether the account was erased.
    pub fn is_erased(&self) -> bool {
        self.version == ERASED
    }

    /// Whether an account that is counted as `before` is to be counted so: that is of an earlier version, and differs.
    pub fn replaces(&self, before: Option<&Self>) -> bool {
        let differs = |before: &Self| self.is_erased() || self.counters != before.counters;
        before.is_none_or(|before| before.version < self.version && differs(before))
    }

    /// By how much the counters change with it, where the account was counted as `before`.
    pub fn since(&self, before: Option<&Self>) -> Tally {
        let counted = |counted: &Self| counted.counters.iter().map(|name| (name.clone(), 1)).collect();
        difference(&before.map(counted).unwrap_or_default(), &counted(self))
    }
}

/// Adds `more` to `tally`.
pub fn add(tally: &mut Tally, more: Tally) {
    for (counter, number) in more {
        *tally.entry(counter).or_default() += number;
    }
    tally.retain(|_, number| *number != 0);
}

/// What is to be added to `before` to make it `after`.
pub fn difference(before: &Tally, after: &Tally) -> Tally {
    let mut difference = after.clone();
    add(&mut difference, before.iter().map(|(counter, number)| (counter.clone(), -number)).collect());
    difference
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
    fn only_what_changes_is_counted() {
        let promoted = User { role: Role::Admin, ..user() };
        let counted = Counted::changed(Some(&user()), &promoted).unwrap();
        let changes =
            [("role:admin", 1), ("role:admin:active", 1), ("role:user", -1), ("role:user:active", -1)];
        assert_eq!(counted.since(Some(&Counted::of(&user()))), tally(changes));
        let renamed = User { first_name: "Augusta".into(), ..user() };
        assert_eq!(Counted::changed(Some(&user()), &renamed), None);
    }

    #[test]
    fn deleting_undoes_registering() {
        let registered = Counted::changed(None, &user()).unwrap();
        let deleted = Counted::changed(Some(&user()), &User { status: Status::Deleted, ..user() }).unwrap();
        let (came, went) = (registered.since(None), deleted.since(Some(&registered)));
        assert!(
            came.len() == 6 && came.iter().all(|(counter, by)| went[counter] == -by),
            "{came:?} {went:?}"
        );
    }

    #[test]
    fn what_is_late_replaces_nothing() {
        let registered = Counted::of(&user());
        let deleted = Counted::changed(Some(&user()), &User { status: Status::Deleted, ..user() }).unwrap();
        let erased = Counted::erased();
        assert!(registered.replaces(None) && deleted.replaces(Some(&registered)));
        assert!(erased.replaces(Some(&deleted)), "what is kept of it is to end");
        for (late, standing) in [(&registered, &registered), (&registered, &deleted), (&deleted, &erased)] {
            assert!(!late.replaces(Some(standing)), "{late:?} {standing:?}");
        }
    }
}
