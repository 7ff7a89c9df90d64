//! A request and its answer, free of how they travel (API Gateway in AWS, the local gateway on a laptop).

use std::collections::BTreeMap;

use domain::permission::Caller;
use serde::Serialize;

use super::problem::Problem;

/// A request, as the gateway passes it on.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Method and route template, e.g. `GET /bulk-actions/{id}`.
    pub route: String,
    /// The values of the route's parameters, decoded.
    pub path: BTreeMap<String, String>,
    /// The query string as it was sent, without `?`.
    pub raw_query: String,
    /// Header values under lower-case names.
    pub headers: BTreeMap<String, String>,
    /// The body's bytes as they were sent.
    pub body: Vec<u8>,
    /// Who calls, where the route has an authorizer.
    pub caller: Option<Caller>,
}

impl Request {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A route parameter; empty if the route has none of that name.
    pub fn param(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, `content-type` included.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// A JSON body.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        // Our own API types have string keys and always serialise.
        let body = serde_json::to_string(body).unwrap_or_default();
        Self { status, headers: vec![("content-type".into(), "application/json".into())], body }
    }

    /// Text of another kind.
    pub fn text(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        Self { status, headers: vec![("content-type".into(), content_type.into())], body: body.into() }
    }

    /// No body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let mut reply = Self::json(problem.status, &problem);
        reply.headers = vec![("content-type".into(), "application/problem+json".into())];
        if let Some(seconds) = problem.retry_after {
            reply.headers.push(("retry-after".into(), seconds.to_string()));
        }
        reply
    }
}
