//! Lists come in pages: by number, or by a cursor that costs the same however far it has gone.
//!
//! A cursor is opaque to clients: the place where the next page begins, with a MAC that binds it to the query
//! and to the caller's tenant. A changed or a foreign one is refused before the table sees it.

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::extract::FromRequestParts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::Query;
use super::problem::{Fields, Problem};
use crate::app::App;

/// The largest page.
const LARGEST: usize = 100;
/// How far page numbers reach; beyond, a cursor goes on.
const FARTHEST: usize = 1_000;

/// The parameters that choose a page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParameters {
    /// Page number, from 1. Pages end at the 1,000th item; a cursor goes on.
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: Option<String>,
    /// Items per page, 1 to 100; of `/users` 20 where it is left out, else 10.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// Another name of `limit`.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    per_page: Option<String>,
    /// The `X-Next-Cursor` of the page before; then `page` has no meaning.
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

impl Page {
    /// The place in the list `scope` after which the page begins, if a cursor says so.
    ///
    /// # Errors
    /// 400 `VALIDATION_ERROR` where the cursor was changed, or is one of another list.
    pub async fn after<P: DeserializeOwned>(&self, app: &App, scope: &str) -> Result<Option<P>, Problem> {
        let Some(cursor) = &self.asked.cursor else { return Ok(None) };
        if let Some(place) = app.keys.open_cursor(scope, cursor).await? {
            return Ok(Some(place));
        }
        let mut fields = Fields::default();
        fields.note("cursor", "is not one of this list; take it from X-Next-Cursor of the same query");
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

    /// Which items are meant, `default` a page where the client does not say. What is wrong is noted in
    /// `fields`, beside what is wrong with the rest of the query.
    pub fn window(&self, default: usize, fields: &mut Fields) -> Option<Window> {
        let asked = &self.asked;
        let (name, limit) =
            if asked.limit.is_some() { ("limit", &asked.limit) } else { ("per_page", &asked.per_page) };
        let limit = fields.take(name, number(limit.as_ref(), default, LARGEST));
        let page = fields.take("page", number(asked.page.as_ref(), 1, usize::MAX));
        let (page, limit) = page.zip(limit)?;
        if asked.cursor.is_some() {
            return Some(Window { skip: 0, limit });
        }
        let skip = (page - 1).saturating_mul(limit);
        if skip.saturating_add(limit) > FARTHEST {
            fields.note("page", "page numbers end at the 1,000th item; go on with X-Next-Cursor");
            return None;
        }
        Some(Window { skip, limit })
    }
}

/// Where a page stands in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Position {
    /// Items of the whole list.
    pub total: u64,
    /// Items per page.
    pub limit: u64,
    /// Items before this page; 0 where a cursor led to it.
    pub offset: u64,
    /// Whether there is a page behind it.
    pub has_next: bool,
    /// Whether there is a page before it.
    pub has_prev: bool,
    /// From 1; where a cursor led to it, 1.
    pub current_page: u64,
    /// Pages of the whole list.
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

fn number(text: Option<&String>, default: usize, most: usize) -> Result<usize, String> {
    let Some(text) = text else { return Ok(default) };
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

    fn window(page: Option<&str>, limit: Option<&str>) -> Option<(usize, usize)> {
        let asked = PageParameters {
            page: page.map(Into::into),
            limit: limit.map(Into::into),
            ..PageParameters::default()
        };
        let window = Page { asked, uri: Uri::default() }.window(10, &mut Fields::default());
        window.map(|window| (window.skip, window.limit))
    }

    #[test]
    fn pages_count_from_one() {
        assert_eq!(window(None, None), Some((0, 10)));
        assert_eq!(window(Some("3"), Some("100")), Some((200, 100)));
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (page, limit) in [("0", "10"), ("1", "0"), ("1", "101"), ("-1", "10"), ("x", "10"), ("101", "10")]
        {
            assert_eq!(window(Some(page), Some(limit)), None, "{page} {limit}");
        }
    }
}
