//! Pages of a list, each with its position: of a list that is short enough to be read as a whole, and whose length is
//! therefore known, or of one of which no more is read than is shown.
//!
//! A cursor holds the place of the last item that was shown: items that come or go in the meantime make nobody miss an
//! item or see it twice.

use ::http::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::body::Json;
use super::paging::{List, NUMBERED, Page, Position, Window};
use super::problem::{Fields, Problem};
use crate::app::App;

/// Items of a page where the client does not say.
const USUAL: usize = 10;

/// A page of a list and its position in it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Paged<T> {
    items: Vec<T>,
    #[serde(flatten)]
    position: Position,
}

impl<T> Paged<T> {
    /// The items of this page, for who tells nothing of the place.
    pub fn into_items(self) -> Vec<T> {
        self.items
    }
}

/// The part of a list that a request asks for. `P` is the place of an item in it.
#[derive(Debug)]
pub struct Part<P> {
    page: Page,
    list: List,
    window: Window,
    after: Option<P>,
}

impl Page {
    /// The part of `list` that is asked for, before that is read.
    ///
    /// # Errors
    /// 400 `VALIDATION_ERROR` where a parameter is out of range, or the cursor is not good.
    pub async fn part<P: DeserializeOwned>(self, app: &App, list: List) -> Result<Part<P>, Problem> {
        self.part_of(app, list, USUAL).await
    }

    /// The same, of a list whose pages have `usual` items where the client does not say.
    ///
    /// # Errors
    /// As [`Self::part`].
    pub async fn part_of<P: DeserializeOwned>(
        self,
        app: &App,
        list: List,
        usual: usize,
    ) -> Result<Part<P>, Problem> {
        let mut fields = Fields::default();
        let window = self.window((usual, NUMBERED), &mut fields);
        let window = fields.all(window)?;
        let after = self.after(app, &list).await?;
        Ok(Part { page: self, list, window, after })
    }
}

impl<P: Serialize> Part<P> {
    /// The place behind which it begins, where a cursor led to it.
    pub fn after(&self) -> Option<&P> {
        self.after.as_ref()
    }

    /// How many items behind that place are to be passed over, and how many to be shown.
    pub fn window(&self) -> (usize, usize) {
        (self.window.skip, self.window.limit)
    }

    /// This part of a list of `total` items, given the `items` that were read for it, and the headers that lead to the page
    /// after `next`, if there is one.
    ///
    /// # Errors
    /// 503 where the cursor's key cannot be had.
    pub async fn read<T>(
        self,
        app: &App,
        items: Vec<T>,
        (total, next): (u64, Option<P>),
    ) -> Result<(HeaderMap, Json<Paged<T>>), Problem> {
        let position = self.page.position(self.window, total, next.is_some());
        let next = self.list.cursor(app, next.as_ref()).await?;
        Ok((self.page.headers(next, total), Json(Paged { items, position })))
    }
}

impl<P: Ord + Serialize> Part<P> {
    /// This part of the list, given all its `items`, the one with the greatest `place` first, and the headers that lead to
    /// the next page.
    ///
    /// # Errors
    /// 503 where the cursor's key cannot be had.
    pub async fn of<T>(
        self,
        app: &App,
        items: Vec<T>,
        place: fn(&T) -> P,
    ) -> Result<(HeaderMap, Json<Paged<T>>), Problem> {
        let Window { skip, limit } = self.window;
        let total = items.len();
        let offset = self.after.map_or(skip, |after| items.partition_point(|item| place(item) >= after));
        let items: Vec<T> = items.into_iter().skip(offset).take(limit).collect();
        let has_next = offset + items.len() < total;
        let last = items.last().filter(|_| has_next).map(place);
        let next = self.list.cursor(app, last.as_ref()).await?;
        let position = Position::of(Window { skip: offset, limit }, total as u64, has_next);
        Ok((self.page.headers(next, total as u64), Json(Paged { items, position })))
    }
}
