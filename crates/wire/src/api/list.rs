//! Lists and the session.

use domain::OrgId;
use domain::permission::May;
use serde::Serialize;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct List<T> {
    /// The page; may be short, even empty, while more follows.
    pub items: Vec<T>,
    /// For the next page; `None` at the end.
    pub next_cursor: Option<String>,
}

/// Who calls, and what a UI should offer them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// The person or system.
    pub sub: String,
    /// Their organisation.
    pub org_id: OrgId,
    /// Their permissions as the token names them.
    pub permissions: Vec<String>,
    /// What these allow.
    pub may: May,
}
