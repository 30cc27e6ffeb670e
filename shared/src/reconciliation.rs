//! Compares each account with the counters it is a member of: a walk over all listed accounts finds those that were never
//! counted, and one over all counted accounts finds those that are deleted or gone.
//!
//! If the last change of an account has not been counted for a minute, its event is delayed or was given up. The account
//! is then counted without it: should the event come after all, it finds its version counted.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::store::Place;
use crate::tally::Counted;
use crate::user::User;

/// Seconds after which a change is counted, unless something holds its event up.
const SETTLED: i64 = 60;

/// Where a walk over the accounts goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "among", rename_all = "snake_case")]
pub enum Walk {
    /// Among those that are listed.
    Listed {
        /// Behind this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Place>,
    },
    /// Among those that are counted.
    Counted {
        /// Behind this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<UserId>,
    },
}

impl Default for Walk {
    fn default() -> Self {
        Self::Listed { after: None }
    }
}

impl Walk {
    /// At the first of those that are counted.
    pub fn counted() -> Self {
        Self::Counted { after: None }
    }
}

/// What the table has of an account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whose it is.
    pub id: UserId,
    /// The account; none if it is gone.
    pub user: Option<User>,
    /// When it was erased, if there is a receipt of that.
    pub erased_at: Option<Timestamp>,
    /// As what it is counted, if it is.
    pub counted: Option<Counted>,
}

impl Account {
    /// As what it should have been counted for a minute by `now`, if it is not.
    pub fn overdue(&self, now: Timestamp) -> Option<Counted> {
        let (counted, since) = match &self.user {
            Some(user) => (Counted::of(user), Some(user.updated_at)),
            None => (Counted::erased(), self.erased_at),
        };
        let is_settled = since.is_none_or(|since| now.as_second() - since.as_second() > SETTLED);
        (is_settled && counted.replaces(self.counted.as_ref())).then_some(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::Email;
    use crate::user::Status;

    /// An account that changed at `UNIX_EPOCH`.
    fn ada() -> User {
        let email = Email::parse("ada@example.com").unwrap();
        User::registered(email, "Ada".into(), "Lovelace".into(), Timestamp::UNIX_EPOCH)
    }

    fn account(user: Option<User>, counted: Option<Counted>) -> Account {
        Account { id: UserId::random(), user, erased_at: Some(Timestamp::UNIX_EPOCH), counted }
    }

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_change_that_is_not_counted_is_overdue_after_a_minute() {
        let registered = Counted::of(&ada());
        let deleted = User { status: Status::Deleted, version: 2, ..ada() };
        for (user, counted) in
            [(Some(ada()), None), (Some(deleted), Some(registered.clone())), (None, Some(registered))]
        {
            let account = account(user.clone(), counted);
            let expected = user.as_ref().map_or_else(Counted::erased, Counted::of);
            assert_eq!([after(60), after(61)].map(|now| account.overdue(now)), [None, Some(expected)]);
        }
    }

    #[test]
    fn what_is_counted_or_makes_no_difference_is_not_overdue() {
        let renamed = User { first_name: "Augusta".into(), version: 2, ..ada() };
        for (user, counted) in [
            (Some(ada()), Counted::of(&ada())),
            (Some(renamed), Counted::of(&ada())),
            (Some(ada()), Counted::erased()),
            (None, Counted::erased()),
        ] {
            assert_eq!(account(user, Some(counted)).overdue(after(61)), None);
        }
    }
}
