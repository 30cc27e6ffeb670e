//! Searching a tenant's users: whose address, user name, first or last name begins as was asked, in any case.
//!
//! An index is read to its 1,000th match and no further, so that a search costs no more however many there are. Where
//! only some roles or states are meant, those that begin so are looked through for them, the first 10,000 of them.

use std::collections::HashSet;

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::Store;
use super::key::{self, BY_EMAIL, BY_FIRST_NAME, BY_LAST_NAME, BY_USERNAME, Index};
use super::table::Range;
use super::users::{Filter, text, user_of};
use super::write::Item;
use crate::fault::Fault;
use crate::id::UserId;

/// How many users a search finds, by each index and in all.
const MOST: usize = 1_000;
/// How many index entries are filtered in one call, which is less than the 1 MB that it reads, and in how many calls at
/// most.
const FILTERED: (usize, usize) = (2_500, 4);

/// What a search goes by, in the order of what it finds.
const INDEXES: [Index; 4] = [BY_EMAIL, BY_USERNAME, BY_FIRST_NAME, BY_LAST_NAME];

/// A user who was found. Matches are ordered by what they were found by, then alphabetically.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Match {
    /// By which of the indexes.
    index: usize,
    /// What begins as was asked.
    text: String,
    /// Who.
    pub user: UserId,
}

impl Store {
    /// Those of `filter`'s users who are found by `prefix`, which is [`crate::name::folded`]: each once, in order,
    /// 1,000 at most. New users may be seen a moment later.
    pub async fn search_users(&self, filter: &Filter, prefix: &str) -> Result<Vec<Match>, Fault> {
        let found = (0..INDEXES.len()).map(|index| self.matches(index, filter, prefix));
        Ok(merged(&try_join_all(found).await?))
    }

    /// Those whom one of the indexes finds.
    async fn matches(&self, index: usize, filter: &Filter, prefix: &str) -> Result<Vec<Match>, Fault> {
        let only = conditions(filter);
        let (limit, rounds) = if only.is_empty() { (MOST, 1) } else { FILTERED };
        let mut range = Range {
            index: Some(INDEXES[index]),
            partition: key::users_of(&filter.tenant, None, None).1,
            prefix: Some(prefix.to_owned()),
            only,
            ascending: true,
            limit: i32::try_from(limit).ok(),
            ..Range::default()
        };
        let mut found = Vec::new();
        for _ in 0..rounds {
            let page = self.table.query(range.clone()).await?;
            let items = page.items.unwrap_or_default();
            found.extend(items.iter().filter_map(|item| Match::of(index, item)));
            range.after = page.last_evaluated_key;
            if range.after.is_none() || found.len() >= MOST {
                break;
            }
        }
        found.truncate(MOST);
        Ok(found)
    }
}

impl Match {
    fn of(index: usize, item: &Item) -> Option<Self> {
        Some(Self { index, text: text(item, INDEXES[index].sk)?.to_owned(), user: user_of(item)? })
    }
}

/// What `filter` asks of an item of an index.
fn conditions(filter: &Filter) -> Vec<(&'static str, String)> {
    let role = filter.role.as_ref().map(|role| ("role", role.name().to_owned()));
    let status = filter.status.map(|status| ("status", status.name().to_owned()));
    role.into_iter().chain(status).collect()
}

/// All matches in order, each user where they are met first.
fn merged(found: &[Vec<Match>]) -> Vec<Match> {
    let mut matches = found.concat();
    matches.sort();
    let mut met = HashSet::new();
    matches.retain(|it| met.insert(it.user));
    matches.truncate(MOST);
    matches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(index: usize, text: &str, user: UserId) -> Match {
        Match { index, text: text.to_owned(), user }
    }

    #[test]
    fn everybody_is_met_once_where_they_come_first() {
        let (ada, ann) = (UserId::random(), UserId::random());
        let by_email = by(0, "ada@example.com", ada);
        let by_name = by(2, "an", ann);
        let found =
            vec![vec![by_email.clone()], vec![by_name.clone(), by(2, "ad", ada)], vec![by(3, "a", ann)]];
        assert_eq!(merged(&found), [by_email, by_name]);
    }

    #[test]
    fn nobody_is_met_beyond_the_thousandth() {
        let crowd = (0..1_001).map(|number| by(0, &format!("{number:04}"), UserId::random())).collect();
        assert_eq!(merged(&[crowd]).last().unwrap().text, "0999");
    }
}
