//! Lists come in pages: by number, or by a cursor that costs the same however far it has gone.
//!
//! A cursor is opaque to clients: the place where the next page begins and until when it is good, with a MAC that binds
//! it to the query and to the caller. A changed, a foreign or an old one is refused before the table sees it.

use std::fmt::Display;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::extract::FromRequestParts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::Query;
use super::problem::{Fields, Problem};
use crate::app::App;
use crate::fault::Fault;
use crate::user::User;

/// The largest page.
const LARGEST: usize = 100;
/// How far pages have numbers, in items; beyond, a cursor goes on.
pub(super) const NUMBERED: usize = 10_000;
/// How long a cursor is good, in seconds: a day.
const GOOD_SECONDS: i64 = 86_400;

/// The parameters that choose a page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParameters {
    /// Page number, from 1. Beyond the 10,000th item (in the audit trail, the 2,500th), use a cursor instead.
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: Option<String>,
    /// Items per page, 1 to 100. The default is 20 for `/users`, all for `/admin/roles` and 10 elsewhere.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// Alias of `limit`.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    per_page: Option<String>,
    /// The `X-Next-Cursor` of the previous page, valid for a day; `page` is then ignored.
    cursor: Option<String>,
}

/// Which page of a list, and how to go on from it.
#[derive(Clone, Debug)]
pub struct Page {
    asked: PageParameters,
    uri: Uri,
}

/// A page, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Items before it.
    pub skip: usize,
    /// Items in it.
    pub limit: usize,
}

/// A list as somebody sees it: what its cursors are bound to.
#[derive(Clone, Debug)]
pub struct List(String);

/// What a cursor holds.
#[derive(Serialize, Deserialize)]
struct Cursor<P> {
    place: P,
    /// Until when it is good.
    expires_at: i64,
}

impl List {
    /// The list that `name` tells from all others, its query in it, as `caller` sees it.
    pub fn of(caller: &User, name: impl Display) -> Self {
        Self(format!("{} {name}", caller.id))
    }

    /// The cursor of the page that begins behind `place`, if there is one.
    ///
    /// # Errors
    /// When the keys fail.
    pub async fn cursor(&self, app: &App, place: Option<&impl Serialize>) -> Result<Option<String>, Fault> {
        let Some(place) = place else { return Ok(None) };
        let cursor = Cursor { place, expires_at: app.now().as_second() + GOOD_SECONDS };
        app.keys.seal_cursor(&self.0, &cursor).await.map(Some)
    }

    /// The place that a cursor of this list stands for; `None` if it is not one, or no longer.
    async fn place<P: DeserializeOwned>(&self, app: &App, cursor: &str) -> Result<Option<P>, Fault> {
        let opened: Option<Cursor<P>> = app.keys.open_cursor(&self.0, cursor).await?;
        let good = opened.filter(|it| app.now().as_second() < it.expires_at);
        Ok(good.map(|it| it.place))
    }
}

impl Page {
    /// The place in `list` after which the page begins, if a cursor says so.
    ///
    /// # Errors
    /// 400 `VALIDATION_ERROR` where the cursor was changed, is one of another list or caller, or is too old.
    pub async fn after<P: DeserializeOwned>(&self, app: &App, list: &List) -> Result<Option<P>, Problem> {
        let Some(cursor) = &self.asked.cursor else { return Ok(None) };
        if let Some(place) = list.place(app, cursor).await? {
            return Ok(Some(place));
        }
        let mut fields = Fields::default();
        let message =
            "is not a cursor of this list, or is older than a day; use the X-Next-Cursor of the same query";
        fields.note("cursor", message);
        Err(fields.into_problem())
    }

    /// The headers of a page of a list with `total` items: `X-Total-Count`, and those that lead to the page that
    /// begins at `cursor`, if there is one: `X-Next-Cursor` and `Link` (RFC 8288).
    pub fn headers(&self, cursor: Option<String>, total: u64) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(HeaderName::from_static("x-total-count"), total.into())]);
        let Some(cursor) = cursor else { return headers };
        let asked = self.uri.query().unwrap_or_default().split('&');
        let kept = asked
            .filter(|part| !part.is_empty() && !["page=", "cursor="].iter().any(|it| part.starts_with(it)));
        let query: Vec<_> = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
        let link = format!("<{}?{}>; rel=\"next\"", self.uri.path(), query.join("&"));
        if let (Ok(cursor), Ok(link)) = (HeaderValue::from_str(&cursor), HeaderValue::from_str(&link)) {
            headers.insert(HeaderName::from_static("x-next-cursor"), cursor);
            headers.insert(header::LINK, link);
        }
        headers
    }

    /// Which items are meant, `usual` a page where the client does not say; pages that begin behind the item
    /// `numbered` have no number. What is wrong is noted in `fields`, beside what is wrong with the rest of the query.
    pub fn window(&self, (usual, numbered): (usize, usize), fields: &mut Fields) -> Option<Window> {
        let asked = &self.asked;
        let mut take = |name, text: &Option<String>, most| {
            fields.take_optional(name, text.as_deref(), |text| number(text, most))
        };
        let limit = take("limit", &asked.limit, LARGEST);
        let per_page = take("per_page", &asked.per_page, LARGEST);
        let page = take("page", &asked.page, usize::MAX);
        let ((limit, per_page), page) = limit.zip(per_page).zip(page)?;
        let (limit, page) = (limit.or(per_page).unwrap_or(usual), page.unwrap_or(1));
        if asked.cursor.is_some() {
            return Some(Window { skip: 0, limit });
        }
        let skip = (page - 1).saturating_mul(limit);
        if skip >= numbered {
            let message = format!(
                "pages beyond item {numbered} have no number; continue with the cursor in X-Next-Cursor"
            );
            fields.note("page", message);
            return None;
        }
        Some(Window { skip, limit })
    }
}

/// The position of a page in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Position {
    /// Items in the whole list.
    pub total: u64,
    /// Items per page.
    pub limit: u64,
    /// Items before this page; always 0 with a cursor.
    pub offset: u64,
    /// Whether there is a next page; `X-Next-Cursor` leads to it.
    pub has_next: bool,
    /// Whether there is a previous page.
    pub has_prev: bool,
    /// The page number, from 1; always 1 with a cursor.
    pub current_page: u64,
    /// Pages in the whole list, including those without a number.
    pub total_pages: u64,
}

impl Position {
    /// Where the page `window` stands in a list with `total` items.
    pub fn of(window: Window, total: u64, has_next: bool) -> Self {
        let (limit, offset) = (window.limit as u64, window.skip as u64);
        Self {
            total,
            limit,
            offset,
            has_next,
            has_prev: offset > 0,
            current_page: offset / limit + 1,
            total_pages: total.div_ceil(limit),
        }
    }
}

impl Page {
    /// Where the page `window` stands in a list with `total` items.
    pub fn position(&self, window: Window, total: u64, has_next: bool) -> Position {
        let has_prev = window.skip > 0 || self.asked.cursor.is_some();
        Position { has_prev, ..Position::of(window, total, has_next) }
    }
}

fn number(text: &str, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    let most = if most == usize::MAX { "up".to_owned() } else { format!("to {most}") };
    number.ok_or_else(|| format!("must be a whole number from 1 {most}"))
}

impl FromRequestParts<App> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Query(asked) = Query::from_request_parts(parts, app).await?;
        Ok(Self { asked, uri: parts.uri.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(page: Option<&str>, limit: Option<&str>, per_page: Option<&str>) -> Option<(usize, usize)> {
        let asked = PageParameters {
            page: page.map(Into::into),
            limit: limit.map(Into::into),
            per_page: per_page.map(Into::into),
            cursor: None,
        };
        let window = Page { asked, uri: Uri::default() }.window((10, 1_000), &mut Fields::default());
        window.map(|window| (window.skip, window.limit))
    }

    #[test]
    fn pages_count_from_one() {
        assert_eq!(window(None, None, None), Some((0, 10)));
        assert_eq!(window(Some("3"), Some("100"), None), Some((200, 100)));
        assert_eq!(window(Some("3"), None, Some("30")), Some((60, 30)));
        assert_eq!(window(Some("3"), Some("20"), Some("30")), Some((40, 20)));
    }

    #[test]
    fn the_last_page_with_a_number_begins_before_the_last_item_that_is_numbered() {
        assert_eq!(window(Some("100"), None, None), Some((990, 10)));
        assert_eq!(window(Some("34"), Some("30"), None), Some((990, 30)));
        assert_eq!(window(Some("101"), None, None), None);
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (page, limit, per_page) in [
            ("0", "10", "10"),
            ("-1", "10", "10"),
            ("x", "10", "10"),
            ("1", "0", "10"),
            ("1", "101", "10"),
            ("1", "10", "0"),
            ("1", "10", "101"),
        ] {
            assert_eq!(window(Some(page), Some(limit), Some(per_page)), None, "{page} {limit} {per_page}");
        }
    }
}
