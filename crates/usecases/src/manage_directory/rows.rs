//! The rows of an import, in each of its three forms.

use domain::member::Member;
use serde_json::Value;
use wire::api::fields::{self, Body};
use wire::api::member::{MAX_IMPORT, read_imported};
use wire::api::problem::{FieldError, Problem};

use super::csv_rows;

/// A row of an import.
#[derive(Debug)]
pub struct ImportRow {
    /// Its id as it was given, if it was.
    pub id: Option<String>,
    /// The member, or what keeps it from being one.
    pub member: Result<Member, Vec<FieldError>>,
}

impl ImportRow {
    /// From a JSON object.
    pub(super) fn of(value: &Value) -> Self {
        Self { id: value.get("id").and_then(Value::as_str).map(short), member: read_imported(value) }
    }

    /// A row that does not even read.
    pub(super) fn unreadable(code: &str, message: impl Into<String>) -> Self {
        Self { id: None, member: Err(vec![FieldError::new("(body)", code, message)]) }
    }
}

/// An id of a row that is repeated in an answer.
fn short(id: &str) -> String {
    id.chars().take(64).collect()
}

/// Reads the rows of an import by its media type.
///
/// # Errors
/// What concerns the import as a whole: its size, type or form.
pub fn read(body: &[u8], content_type: Option<&str>) -> Result<Vec<ImportRow>, Problem> {
    Body::check_size(body)?;
    match Body::media_type(content_type)?.as_str() {
        "" | "application/json" => json(body),
        "application/x-ndjson" => ndjson(body),
        "text/csv" => csv_rows::read(body),
        other => Err(Body::unsupported(other, "application/json, application/x-ndjson or text/csv")),
    }
}

fn json(body: &[u8]) -> Result<Vec<ImportRow>, Problem> {
    fields::read(&Body::json(body)?, |f| {
        let members = f.required("members").values(0..=MAX_IMPORT)?;
        Some(members.iter().map(ImportRow::of).collect())
    })
}

/// A line that is not JSON is a bad row; a blank line is none.
fn ndjson(body: &[u8]) -> Result<Vec<ImportRow>, Problem> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let blank = |line: &&[u8]| line.iter().all(u8::is_ascii_whitespace);
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').filter(|line| !blank(line)).collect();
    if lines.len() > MAX_IMPORT {
        return Err(too_many());
    }
    let row = |line: &&[u8]| match Body::value(line) {
        Ok(value) => ImportRow::of(&value),
        Err(error) => ImportRow::unreadable("json", format!("is not JSON: {error}")),
    };
    Ok(lines.iter().map(row).collect())
}

pub(super) fn too_many() -> Problem {
    Problem::invalid(vec![FieldError::new(
        "(body)",
        "too_many",
        format!("must have at most {MAX_IMPORT} rows"),
    )])
}
