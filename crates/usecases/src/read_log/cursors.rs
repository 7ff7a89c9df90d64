//! The cursors of one list.

use domain::OrgId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ReadLog;
use crate::query::{Query, refused};
use crate::{Refused, cursor};

/// Opens and makes the cursors of a list: they continue the same list with the same filters in the same organisation.
pub(super) struct Cursors<'a> {
    deps: &'a ReadLog,
    org: &'a OrgId,
    list: String,
    given: Option<&'a str>,
}

impl<'a> Cursors<'a> {
    /// Of the list `name`, as `query` asks for it.
    pub(super) fn new(deps: &'a ReadLog, org: &'a OrgId, name: &str, query: &'a Query) -> Self {
        Self { deps, org, list: format!("{name}?{}", query.filters()), given: query.text("cursor") }
    }

    /// Where the request goes on; `None` if it begins.
    ///
    /// # Errors
    /// 400 if the cursor is none of this list.
    pub(super) fn open<T: DeserializeOwned>(&self) -> Result<Option<T>, Refused> {
        let Some(given) = self.given else { return Ok(None) };
        let position = cursor::open(self.deps.store.keys(), self.org, &self.list, given);
        position.map(Some).ok_or_else(|| {
            refused("cursor", "must be the next_cursor of the page before, with the same filters")
        })
    }

    /// Where the next page begins.
    pub(super) fn seal(&self, position: &impl Serialize) -> String {
        cursor::seal(self.deps.store.keys(), self.org, &self.list, position)
    }
}
