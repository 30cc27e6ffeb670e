//! Comparing the counters of accounts with the accounts: a walk over all of them, page by page.
//!
//! The counters follow the accounts by events, so a walk says something only of counters that stood still while it
//! went, and of accounts that nobody changed just before. A difference may still be an event that is late, or a
//! deletion that is under way, which no walk sees. What two walks in a row find the same is a drift.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::store::Place;
use crate::tally::{self, Tally};
use crate::user::User;

/// Seconds after which a change is counted, unless something holds its event up.
const SETTLED: i64 = 60;

/// A walk, and what is left of the one before.
///
/// What is empty is left out: DynamoDB Local's stream shows an empty map in a form that no SDK reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// Raised each time it is kept: of two runs at once, one goes on.
    pub version: u64,
    /// The counters at its beginning.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    counters: Tally,
    /// The accounts that it passed.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    passed: Tally,
    /// The last change of any of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed_at: Option<Timestamp>,
    /// The last of them; none before the first page, and after the last.
    after: Option<Place>,
    /// By how much the counters seemed to be wrong to the walk before.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    suspected: Tally,
}

/// What a walk that is over found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing is wrong, or nothing can be said.
    Sound,
    /// By so much the accounts are more than the counters say; it may be an event that is under way.
    Suspected(Tally),
    /// The same, for the second time.
    Drifted(Tally),
}

impl Walk {
    /// A walk that begins where the counters stand at `counters`, after the walk `before`.
    pub fn begun(counters: Tally, before: Option<&Self>) -> Self {
        let (version, suspected) = before.map(|it| (it.version, it.suspected.clone())).unwrap_or_default();
        Self { version, counters, suspected, ..Self::default() }
    }

    /// Whether it has pages before it.
    pub fn is_under_way(&self) -> bool {
        self.after.is_some()
    }

    /// Where its next page begins.
    pub fn after(&self) -> Option<&Place> {
        self.after.as_ref()
    }

    /// It passes `users`; the page behind them begins after `next`.
    pub fn pass(&mut self, users: &[User], next: Option<Place>) {
        for (counter, number) in users.iter().flat_map(|user| tally::between(None, Some(user))) {
            *self.passed.entry(counter).or_default() += number;
        }
        self.changed_at = self.changed_at.max(users.iter().map(|user| user.updated_at).max());
        self.after = next;
    }

    /// What it found, where the counters stand at `counters` at its end, which is `now`.
    pub fn compare(&self, counters: &Tally, now: Timestamp) -> Finding {
        let differences = difference(counters, &self.passed);
        let settled = self.changed_at.is_none_or(|at| now.as_second() - at.as_second() > SETTLED);
        if differences.is_empty() || *counters != self.counters || !settled {
            Finding::Sound
        } else if differences == self.suspected {
            Finding::Drifted(differences)
        } else {
            Finding::Suspected(differences)
        }
    }

    /// What is left of it for the next walk.
    #[must_use]
    pub fn ended(self, suspected: Option<Tally>) -> Self {
        Self { version: self.version, suspected: suspected.unwrap_or_default(), ..Self::default() }
    }
}

/// What is to be added to `counters` to make them `accounts`.
fn difference(counters: &Tally, accounts: &Tally) -> Tally {
    let names: BTreeSet<&String> = counters.keys().chain(accounts.keys()).collect();
    let number = |tally: &Tally, name: &str| tally.get(name).copied().unwrap_or_default();
    let differences =
        names.into_iter().map(|name| (name.clone(), number(accounts, name) - number(counters, name)));
    differences.filter(|(_, by)| *by != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::email::Email;

    fn users(number: i64) -> Tally {
        [("users".to_owned(), number)].into()
    }

    /// A walk past one account, which changed at `UNIX_EPOCH`.
    fn walked(counters: Tally, before: Option<&Walk>) -> Walk {
        let email = Email::parse("ada@example.com").unwrap();
        let ada = User::registered(email, "Ada".into(), "Lovelace".into(), Timestamp::UNIX_EPOCH);
        let mut walk = Walk::begun(counters, before);
        walk.pass(&[ada], None);
        // Other counters are beside the point.
        walk.passed.retain(|name, _| name == "users");
        walk
    }

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn what_two_walks_find_the_same_is_a_drift() {
        let now = after(3_600);
        let first = walked(users(3), None);
        assert_eq!(first.compare(&users(3), now), Finding::Suspected(users(-2)));
        let first = first.ended(Some(users(-2)));
        assert_eq!(walked(users(3), Some(&first)).compare(&users(3), now), Finding::Drifted(users(-2)));
        assert_eq!(walked(users(2), Some(&first)).compare(&users(2), now), Finding::Suspected(users(-1)));
        assert_eq!(walked(users(1), Some(&first)).compare(&users(1), now), Finding::Sound);
    }

    #[test]
    fn counters_that_moved_meanwhile_prove_nothing() {
        let first = walked(users(3), None).ended(Some(users(-2)));
        assert_eq!(walked(users(2), Some(&first)).compare(&users(3), after(3_600)), Finding::Sound);
    }

    #[test]
    fn an_account_that_changed_a_minute_ago_proves_nothing() {
        let walk = walked(users(0), None);
        assert_eq!(walk.compare(&users(0), after(60)), Finding::Sound);
        assert_eq!(walk.compare(&users(0), after(61)), Finding::Suspected(users(1)));
    }
}
