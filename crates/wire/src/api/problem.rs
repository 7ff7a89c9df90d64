//! Errors as RFC 9457 problem documents, written for the person who gets them.

use domain::permission::Lacking;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One field that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where, e.g. `messages[0].body`.
    pub field: String,
    /// What is wrong, for programs: `required`, `unknown`, `type`, `too_long`, ...
    pub code: String,
    /// What is wrong and what would be right, for people.
    pub message: String,
}

impl FieldError {
    /// A field error.
    pub fn new(field: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.to_owned(), message: message.into() }
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind: a relative reference such as `/problems/not-found`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here and what to do.
    pub detail: String,
    /// The fields that do not fit, all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Further members, e.g. `current_status` with a conflict.
    #[serde(flatten)]
    pub more: Map<String, Value>,
    /// Seconds for a `Retry-After` header.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem of `kind` (the last part of its type).
    pub fn new(status: u16, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            errors: Vec::new(),
            more: Map::new(),
            retry_after: None,
        }
    }

    /// 400: the body is not JSON, or a parameter is not what it must be.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad-request", "Bad request", detail)
    }

    /// 422: the body is JSON but does not fit.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.field, only.message),
            many => format!("{} fields do not fit; see errors", many.len()),
        };
        Self { errors, ..Self::new(422, "invalid-body", "The body does not fit", detail) }
    }

    /// 404: there is no such thing in the caller's organisation.
    pub fn not_found(what: &str) -> Self {
        Self::new(404, "not-found", "Not found", format!("There is no such {what}"))
    }

    /// 403: the token lacks a permission.
    pub fn forbidden(lacking: &Lacking) -> Self {
        let names = lacking.any_of.join(" or ");
        let mut problem = Self::new(
            403,
            "missing-permission",
            "Missing permission",
            format!("This needs the permission {names}"),
        );
        problem.more.insert("permission".into(), lacking.any_of.first().copied().unwrap_or_default().into());
        problem
    }

    /// 409: the state of things does not allow it.
    pub fn conflict(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(409, kind, "Conflict", detail)
    }

    /// 500: a fault of ours; the detail says nothing about the inside.
    pub fn internal() -> Self {
        Self::new(
            500,
            "internal",
            "Internal error",
            "Something went wrong on our side; try again in a moment",
        )
    }

    /// 503: a service that we rely on did not answer; trying again is safe.
    pub fn unavailable() -> Self {
        let mut problem =
            Self::new(503, "unavailable", "Temporarily unavailable", "Try again in a few seconds");
        problem.retry_after = Some(2);
        problem
    }

    /// With one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}
