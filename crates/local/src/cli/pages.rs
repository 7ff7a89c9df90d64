//! Lists of the API, page by page.

use std::fmt::Display;

use anyhow::{Result, bail, ensure};
use serde_json::Value as Json;

use super::output::{self, Screen};
use crate::api::Api;

/// The most items that the API gives in one page.
const MAX_LIMIT: usize = 200;

/// A list with its filters.
#[derive(Debug)]
pub(super) struct List {
    path: String,
    filters: Vec<(&'static str, String)>,
}

impl List {
    /// The whole list at a path.
    pub(super) fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), filters: Vec::new() }
    }

    /// With a filter, where there is a value.
    pub(super) fn with(mut self, name: &'static str, value: Option<impl Display>) -> Self {
        self.filters.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Path and query of the page of at most `limit` items that begins at `cursor`.
    pub(super) fn page(&self, limit: usize, cursor: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.filters).append_pair("limit", &limit.to_string());
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        format!("{}?{}", self.path, query.finish())
    }
}

/// Reads a list, one page after the other.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    api: &'a Api,
    list: &'a List,
    limit: usize,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    From(String),
    End,
}

impl<'a> Pages<'a> {
    /// From the beginning.
    pub(super) fn new(api: &'a Api, list: &'a List) -> Self {
        Self { api, list, limit: MAX_LIMIT, next: Next::First }
    }

    /// The next page; a page may be empty while more follow.
    pub(super) async fn next(&mut self) -> Result<Option<Json>> {
        let cursor = match &self.next {
            Next::First => None,
            Next::From(cursor) => Some(cursor.as_str()),
            Next::End => return Ok(None),
        };
        let page = self.api.get(&self.list.page(self.limit, cursor)).await?;
        ensure!(page["items"].is_array(), "the answer to GET {} is not a list", self.list.path);
        let next = page["next_cursor"].as_str();
        if next.is_some() && next == cursor {
            bail!("the list at {} does not go on after its cursor", self.list.path);
        }
        self.next = next.map_or(Next::End, |cursor| Next::From(cursor.to_owned()));
        Ok(Some(page))
    }

    fn is_at_end(&self) -> bool {
        matches!(self.next, Next::End)
    }
}

/// What was read of a list.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The items, in the API's order.
    pub(super) items: Vec<Json>,
    /// Whether the list may go on.
    pub(super) more: bool,
}

impl Fetched {
    /// Prints a whole list, newest first: as JSON, or as `text` makes it.
    pub(super) fn print(self, as_json: bool, text: impl FnOnce(&[Json], Screen) -> String) -> Result<()> {
        let more = self.more;
        if as_json {
            output::print_json(&Json::Array(self.items))?;
        } else {
            output::print(&text(&self.items, Screen::stdout()))?;
        }
        if more {
            say_more();
        }
        Ok(())
    }
}

/// Tells that a list, newest first, goes on.
pub(super) fn say_more() {
    eprintln!("there are older ones; --limit shows more");
}

/// Reads the first `most` items of a list.
pub(super) async fn fetch(api: &Api, list: &List, most: usize) -> Result<Fetched> {
    let mut pages = Pages { limit: most.clamp(1, MAX_LIMIT), ..Pages::new(api, list) };
    let mut items = Vec::new();
    while items.len() < most
        && let Some(mut page) = pages.next().await?
    {
        items.extend(take_items(&mut page));
    }
    let more = items.len() > most || !pages.is_at_end();
    items.truncate(most);
    Ok(Fetched { items, more })
}

/// The items of a page.
pub(super) fn take_items(page: &mut Json) -> Vec<Json> {
    match page["items"].take() {
        Json::Array(items) => items,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_cursor_are_escaped() {
        let list = List::new("/messages").with("member_id", Some("m 1")).with("channel", None::<String>);
        assert_eq!(list.page(50, None), "/messages?member_id=m+1&limit=50");
        assert_eq!(list.page(50, Some("a+b=")), "/messages?member_id=m+1&limit=50&cursor=a%2Bb%3D");
    }
}
