//! Lists of users: the caller's tenant, oldest first, or those whom a search finds.
//!
//! A list reads an index, which learns of a new account a moment after it exists.

use ::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::caller::{Counting, Permitted};
use super::paging::{List, NUMBERED, Page, Position, Window};
use super::problem::{Fields, Problem};
use crate::app::App;
use crate::id::UserId;
use crate::name::folded;
use crate::role::{KnownRole, Role, UserRead};
use crate::store::{Filter, Match, Place};
use crate::tally::{self, Tally};
use crate::user::{Status, User};

/// The longest text to search for, in characters.
const LONGEST_SEARCH: usize = 100;

/// Which users.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// Only users with this role.
    role: Option<String>,
    /// Only active users, or only inactive ones.
    #[param(value_type = Option<bool>)]
    is_active: Option<String>,
    /// Alias of `is_active`.
    #[param(value_type = Option<bool>)]
    active: Option<String>,
    /// Only users whose address, user name, first or last name begins with this text, in any case. They are listed in
    /// that order, then alphabetically; at most 1,000 of each, and 1,000 in all, are found. With `role` or `is_active`,
    /// the first 10,000 matches of each are searched.
    #[param(min_length = 1, max_length = 100)]
    search: Option<String>,
}

/// A page of users.
#[derive(Debug)]
pub struct UserList {
    /// The users.
    pub users: Vec<User>,
    /// How many there are, and what leads to the next page.
    pub headers: HeaderMap,
    /// Where the page stands.
    pub position: Position,
}

/// A list, understood, and the part of it that is asked for.
struct Asked {
    page: Page,
    window: Window,
    list: List,
}

impl UserQuery {
    /// The page that is asked for, of `size` users where the client does not say.
    pub async fn list(
        self,
        app: &App,
        Counting { caller, users }: &Counting<UserRead>,
        (page, size): (Page, usize),
    ) -> Result<UserList, Problem> {
        let mut fields = Fields::default();
        let wanted = self.check(app, caller, &mut fields).await?;
        let window = page.window((size, NUMBERED), &mut fields);
        let ((filter, search), window) = fields.all(wanted.zip(window))?;
        let list = List::of(&caller.user, name(&filter, search.as_deref()));
        let asked = Asked { page, window, list };
        match search {
            None => asked.oldest(app, &filter, users).await,
            Some(prefix) => asked.found(app, &filter, &prefix).await,
        }
    }

    /// The filter, and what to search for, as it is folded.
    async fn check(
        &self,
        app: &App,
        caller: &Permitted<UserRead>,
        fields: &mut Fields,
    ) -> Result<Option<(Filter, Option<String>)>, Problem> {
        let tenant = &caller.user.tenant;
        let role = fields.take_role(&app.store, tenant, self.role.as_deref()).await?;
        let mut take_status = |name, text: &Option<String>| {
            fields.take_optional(name, text.as_deref(), |text| match text {
                "true" => Ok(Status::Active),
                "false" => Ok(Status::Inactive),
                _ => Err("must be true or false"),
            })
        };
        let status = take_status("is_active", &self.is_active).zip(take_status("active", &self.active));
        let status = status.map(|(is_active, active)| is_active.or(active));
        let search = fields.take_optional("search", self.search.as_deref(), |text| {
            let prefix = folded(text);
            let is_name = (1..=LONGEST_SEARCH).contains(&prefix.chars().count())
                && !prefix.chars().any(char::is_control);
            if is_name { Ok(prefix) } else { Err("must be 1 to 100 characters, without control characters") }
        });
        Ok(role.zip(status).zip(search).map(|((role, status), search)| {
            let role = role.as_ref().map(KnownRole::role);
            (Filter { tenant: tenant.clone(), role, status }, search)
        }))
    }
}

/// What tells a list of users from others. Only the text that is searched for can hold a space, and it is last.
fn name(filter: &Filter, search: Option<&str>) -> String {
    let role = filter.role.as_ref().map_or("", Role::name);
    let status = filter.status.map_or("", Status::name);
    let search = search.map(|text| format!(" {text}")).unwrap_or_default();
    format!("users {} {role} {status}{search}", filter.tenant.as_str())
}

impl Asked {
    /// Of all users of `filter`, the oldest first; `counters` tell how many there are.
    async fn oldest(self, app: &App, filter: &Filter, counters: &Tally) -> Result<UserList, Problem> {
        let after: Option<Place> = self.page.after(app, &self.list).await?;
        let Window { skip, limit } = self.window;
        let found = app.store.list_users(filter, after.as_ref(), (skip, limit)).await?;
        let total = counters.get(&tally::of_list(filter.role.as_ref(), filter.status));
        let total = total.and_then(|total| u64::try_from(*total).ok()).unwrap_or_default();
        self.page_of(app, found.users, (total, found.next)).await
    }

    /// Of the users of `filter` whom `prefix` finds.
    async fn found(self, app: &App, filter: &Filter, prefix: &str) -> Result<UserList, Problem> {
        let after: Option<Match> = self.page.after(app, &self.list).await?;
        let matches = app.store.search_users(filter, prefix).await?;
        let total = matches.len() as u64;
        let Window { skip, limit } = self.window;
        let mut rest =
            matches.into_iter().filter(|it| after.as_ref().is_none_or(|after| it > after)).skip(skip);
        let shown: Vec<Match> = rest.by_ref().take(limit).collect();
        let next = rest.next().and(shown.last().cloned());
        let ids: Vec<UserId> = shown.iter().map(|it| it.user).collect();
        let users = app.store.users(&ids).await?;
        self.page_of(app, users, (total, next)).await
    }

    /// The page that shows `users`, of `total`; the next one begins behind `next`.
    async fn page_of(
        self,
        app: &App,
        users: Vec<User>,
        (total, next): (u64, Option<impl Serialize>),
    ) -> Result<UserList, Problem> {
        let position = self.page.position(self.window, total, next.is_some());
        let cursor = self.list.cursor(app, next.as_ref()).await?;
        Ok(UserList { users, headers: self.page.headers(cursor, total), position })
    }
}
