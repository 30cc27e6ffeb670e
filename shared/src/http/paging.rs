//! Lists come in pages: by number, or by a cursor that costs the same however far it has gone.
//!
//! A cursor is opaque to clients: the place where the next page begins, with a MAC that binds it to the query
//! and to the caller's tenant. A changed or a foreign one is refused before the table sees it.

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::extract::FromRequestParts;
use serde::Deserialize;
use utoipa::IntoParams;

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
    /// Items per page, 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 10)]
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
    /// The cursor, if there is one.
    pub fn cursor(&self) -> Option<&str> {
        self.asked.cursor.as_deref()
    }

    /// The headers that lead on: `X-Next-Cursor`, and `Link` (RFC 8288), to the page that begins at `cursor`,
    /// if there is one.
    pub fn links(&self, cursor: Option<String>) -> HeaderMap {
        let mut headers = HeaderMap::new();
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
