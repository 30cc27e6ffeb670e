//! Many accounts at once: the rows of a file become accounts, each for itself.
//!
//! A row that cannot become an account fails alone, and one whose address has an account is passed over: so the
//! same file may be handed in again, and what is there is not made twice. Rows are written in batches, each in
//! one transaction; where the table refuses one, it is asked what is taken, and the rows that are left are written
//! anew. What becomes of a row is decided no earlier: only a row that became an account stands in the way of another.

mod operation;

use std::collections::BTreeSet;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use operation::{Operation, State};

use crate::app::App;
use crate::clock::Timestamp;
use crate::credential::Credential;
use crate::email::Email;
use crate::event::details::AccountCreated;
use crate::event::{Event, EventType, Notice, Origin};
use crate::fault::Fault;
use crate::id::{BulkId, TenantId, UserId};
use crate::name::{PersonName, Username};
use crate::password::PasswordHash;
use crate::role::Role;
use crate::store::{Addition, NewAccount, Unique};
use crate::token::PendingToken;
use crate::user::{Decision, User};

/// The most errors that are told of an operation; the others are only counted.
pub const MOST_ERRORS: usize = 1_000;
/// The most rows of a batch.
pub const MOST_ROWS: usize = 31;
/// The most writes that a batch takes of the 100 of a transaction. Five more move an operation on; where a
/// sixth keeps what failed, a row that failed has made room for it.
const MOST_WRITES: usize = 95;

/// An account to be, its values checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The address, which has no account yet.
    pub email: Email,
    /// A second, short name.
    pub username: Option<Username>,
    /// Given name.
    pub first_name: PersonName,
    /// Family name.
    pub last_name: PersonName,
    /// A telephone number, as it was given.
    pub phone: Option<String>,
    /// What whoever makes the account keeps about it.
    pub metadata: Map<String, Value>,
    /// What it may do.
    pub role: Role,
    /// The password, as another system hashed it; without one the person is invited to choose one.
    pub password_hash: Option<PasswordHash>,
}

/// Why a row failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowError {
    /// The row, counted from 0.
    pub index: usize,
    /// The address in the row.
    pub email: Option<String>,
    /// A code, for programs.
    pub error_code: String,
    /// A message, for people.
    pub message: String,
}

/// A row and what is known of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// It is to become an account, or did.
    Good(Box<Row>),
    /// It can not.
    Failed(RowError),
    /// It can not, and as many rows before it as are told of.
    Unlisted,
    /// Its address has an account, or stands in an earlier row.
    Skipped,
}

/// Rows that are written together, in the order of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// Which row the first one is, from 0.
    first: usize,
    entries: Vec<Entry>,
}

/// How many rows became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Those that are accounts now.
    pub successful: usize,
    /// Those that can not become one.
    pub failed: usize,
    /// Those that were passed over.
    pub skipped: usize,
}

/// Who wants the accounts, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Which operation it is.
    pub operation: BulkId,
    /// Who wants them.
    pub actor: UserId,
    /// Their role, by which it was decided that they may.
    pub role: Role,
    /// Its version, where administrators made it.
    pub role_version: Option<u64>,
    /// Their generation: who ends their sessions ends what was started in them.
    pub generation: u64,
    /// Where the accounts belong.
    pub tenant: TenantId,
    /// The request.
    pub origin: Origin,
    /// Whether the first row that fails is the last that is tried.
    pub fail_fast: bool,
    /// When it came.
    pub at: Timestamp,
}

impl Row {
    /// What its account would have and no other does.
    fn claims(&self) -> impl Iterator<Item = Unique> {
        let username = self.username.clone().map(Unique::Username);
        [Unique::Email(self.email.clone())].into_iter().chain(username)
    }

    /// How many writes its account takes.
    fn writes(&self) -> usize {
        3 + usize::from(self.username.is_some())
    }

    /// The account: verified and approved. Without a password, a mail invites the person to choose one.
    fn account(&self, order: &Order, now: Timestamp) -> NewAccount {
        let (first_name, last_name) = (self.first_name.clone().into(), self.last_name.clone().into());
        let user = User {
            tenant: order.tenant.clone(),
            username: self.username.clone(),
            phone: self.phone.clone(),
            metadata: self.metadata.clone(),
            role: self.role.clone(),
            verified_at: Some(now),
            approval: Some(Decision { by: order.actor, at: now }),
            ..User::registered(self.email.clone(), first_name, last_name, now)
        };
        let event = Event::new(EventType::AdminUserCreated, &order.origin, now)
            .by(order.actor)
            .to(&user)
            .counting(None, &user)
            .telling(AccountCreated {
                role: user.role.name().to_owned(),
                operation_id: Some(order.operation),
            });
        if let Some(hash) = &self.password_hash {
            return NewAccount { credential: Credential::new(user.id, hash.clone()), user, event };
        }
        let invitation = PendingToken::invitation(now);
        let event = event.mail(Notice::Invitation { nonce: invitation.nonce });
        NewAccount { credential: Credential::invited(user.id, invitation), user, event }
    }
}

impl RowError {
    /// The row at `index` fails.
    pub fn new(index: usize, email: Option<String>, code: &str, message: impl Into<String>) -> Self {
        Self { index, email, error_code: code.to_owned(), message: message.into() }
    }
}

impl Batch {
    /// Rows as batches of at most `most` each, and of no more than one transaction holds.
    pub fn split(entries: Vec<Entry>, most: usize) -> Vec<Self> {
        let most = most.clamp(1, MOST_ROWS);
        let mut batches: Vec<Self> = Vec::new();
        let mut writes = 0;
        for (index, entry) in entries.into_iter().enumerate() {
            let more = match &entry {
                Entry::Good(row) => row.writes(),
                Entry::Failed(_) => 1,
                Entry::Unlisted | Entry::Skipped => 0,
            };
            match batches.last_mut() {
                Some(batch) if batch.entries.len() < most && writes + more <= MOST_WRITES => {
                    batch.entries.push(entry);
                    writes += more;
                }
                _ => {
                    batches.push(Self { first: index, entries: vec![entry] });
                    writes = more;
                }
            }
        }
        batches
    }

    /// So many rows that nobody can read.
    fn unreadable(first: usize, rows: usize) -> Self {
        Self { first, entries: (first..first + rows).map(|index| lost(index, None)).collect() }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The rows that are to become accounts.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Good(row) => Some(&**row),
            _ => None,
        })
    }

    fn accounts(&self, order: &Order, now: Timestamp) -> Vec<NewAccount> {
        self.rows().map(|row| row.account(order, now)).collect()
    }

    /// What its rows would have and no other account does.
    pub fn claims(&self) -> BTreeSet<Unique> {
        self.rows().flat_map(Row::claims).collect()
    }

    /// Its rows, one after another, held against what is `taken`: who claims nothing of it may become an account, and
    /// what they claim is then taken.
    #[must_use]
    pub fn judged(&self, taken: &mut BTreeSet<Unique>) -> Self {
        let mut judge = |(index, entry): (usize, &Entry)| {
            let Entry::Good(row) = entry else { return entry.clone() };
            if taken.contains(&Unique::Email(row.email.clone())) {
                return Entry::Skipped;
            }
            if row.claims().any(|claim| taken.contains(&claim)) {
                return username_taken(self.first + index, row);
            }
            taken.extend(row.claims());
            entry.clone()
        };
        Self { first: self.first, entries: self.entries.iter().enumerate().map(&mut judge).collect() }
    }

    /// What becomes of its rows if so much is `taken` by others.
    fn tried(&self, taken: &BTreeSet<Unique>, order: &Order) -> Self {
        let mut tried = self.judged(&mut taken.clone());
        if order.fail_fast {
            tried.stop_at_failure();
        }
        tried
    }

    /// Drops what stands after the first row that failed; says whether one did.
    pub fn stop_at_failure(&mut self) -> bool {
        let failed = |entry: &Entry| matches!(entry, Entry::Failed(_) | Entry::Unlisted);
        let failed = self.entries.iter().position(failed);
        if let Some(failed) = failed {
            self.entries.truncate(failed + 1);
        }
        failed.is_some()
    }

    /// None of its rows could be written.
    fn lose(&mut self) {
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if let Entry::Good(row) = &*entry {
                *entry = lost(self.first + index, Some(row.email.to_string()));
            }
        }
    }

    /// How many rows are what.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for entry in &self.entries {
            match entry {
                Entry::Good(_) => counts.successful += 1,
                Entry::Failed(_) | Entry::Unlisted => counts.failed += 1,
                Entry::Skipped => counts.skipped += 1,
            }
        }
        counts
    }

    /// Why rows failed.
    pub fn errors(&self) -> impl Iterator<Item = &RowError> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Failed(error) => Some(error),
            _ => None,
        })
    }
}

/// A row whose user name is another's.
fn username_taken(index: usize, row: &Row) -> Entry {
    let message = "username: Another account already uses this user name; choose another";
    Entry::Failed(RowError::new(index, Some(row.email.to_string()), "USERNAME_EXISTS", message))
}

fn lost(index: usize, email: Option<String>) -> Entry {
    let message = "Something went wrong on our side with this row; send it again";
    Entry::Failed(RowError::new(index, email, "INTERNAL_ERROR", message))
}

impl Counts {
    /// All rows that were tried.
    pub fn done(self) -> usize {
        self.successful + self.failed + self.skipped
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.successful += more.successful;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }
}

impl App {
    /// Makes the accounts of `batch`: what became of its rows, or nothing if whoever ordered them may no longer.
    ///
    /// # Errors
    /// When the table fails. Then the batch may be handed in again.
    pub async fn add_batch(&self, batch: &Batch, order: &Order) -> Result<Option<Batch>, Fault> {
        let mut taken = BTreeSet::new();
        loop {
            let tried = batch.tried(&taken, order);
            let accounts = tried.accounts(order, self.now());
            if accounts.is_empty() {
                return Ok(Some(tried));
            }
            match self.store.add_accounts(order, &accounts).await? {
                Addition::Added => return Ok(Some(tried)),
                Addition::Taken => taken = self.store.taken(batch.claims()).await?,
                Addition::ActorChanged => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(name: &str, username: Option<&str>) -> Entry {
        Entry::Good(Box::new(Row {
            email: Email::parse(&format!("{name}@example.com")).unwrap(),
            username: username.map(|name| Username::parse(name).unwrap()),
            first_name: PersonName::parse("Ada").unwrap(),
            last_name: PersonName::parse("Lovelace").unwrap(),
            phone: None,
            metadata: Map::new(),
            role: Role::User,
            password_hash: None,
        }))
    }

    fn failed(index: usize) -> Entry {
        Entry::Failed(RowError::new(index, None, "VALIDATION_ERROR", "email: is missing"))
    }

    #[test]
    fn a_batch_is_never_more_than_a_transaction_holds() {
        for (kind, expected) in [(None, 31), (Some("ada"), 23)] {
            let entries = (0..100).map(|it| good(&format!("a{it}"), kind)).collect();
            assert_eq!(Batch::split(entries, 1_000)[0].len(), expected);
        }
        let mixed = (0..23).map(|it| good(&format!("a{it}"), Some("ada"))).chain((23..27).map(failed));
        assert_eq!(Batch::split(mixed.collect(), 50).len(), 2, "what failed needs a write too");
        let few = Batch::split((0..5).map(failed).collect(), 2);
        assert_eq!(
            few.iter().map(|batch| (batch.first, batch.len())).collect::<Vec<_>>(),
            [(0, 2), (2, 2), (4, 1)]
        );
    }

    /// The errors and counts of a batch whose first row is the eighth, held against what is taken.
    fn judged(entries: Vec<Entry>, taken: &mut BTreeSet<Unique>) -> (Vec<usize>, [usize; 3]) {
        let judged = Batch { first: 7, entries }.judged(taken);
        let Counts { successful, failed, skipped } = judged.counts();
        (judged.errors().map(|error| error.index).collect(), [successful, failed, skipped])
    }

    #[test]
    fn who_claims_what_is_taken_becomes_no_account_and_nobody_else_is_held_up() {
        let entries =
            vec![failed(7), good("ada", None), Entry::Skipped, good("bob", Some("bob")), good("eve", None)];
        let taken = || {
            let (ada, bob) = (Email::parse("ada@example.com"), Username::parse("bob"));
            BTreeSet::from([Unique::Email(ada.unwrap()), Unique::Username(bob.unwrap())])
        };
        assert_eq!(judged(entries.clone(), &mut taken()), (vec![7, 10], [1, 2, 2]));
        let mut batch = Batch { first: 7, entries };
        assert!(batch.stop_at_failure() && batch.len() == 1, "the first that failed is the last");
    }

    #[test]
    fn only_a_row_that_may_become_an_account_stands_in_the_way_of_a_later_one() {
        let entries = vec![good("ada", Some("bob")), good("bob", Some("bob")), good("ada", None)];
        assert_eq!(judged(entries.clone(), &mut BTreeSet::new()), (vec![8], [1, 1, 1]));
        let mut taken = BTreeSet::from([Unique::Email(Email::parse("ada@example.com").unwrap())]);
        assert_eq!(judged(entries.clone(), &mut taken), (vec![], [1, 0, 2]));
        assert_eq!(judged(entries.clone(), &mut taken), (vec![], [0, 0, 3]), "in a later batch");
        let mut taken = BTreeSet::from([Unique::Username(Username::parse("bob").unwrap())]);
        assert_eq!(judged(entries, &mut taken), (vec![7, 8], [1, 2, 0]));
    }
}
