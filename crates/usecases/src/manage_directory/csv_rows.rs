//! Members as a CSV file with a header row.

use std::collections::BTreeSet;

use csv::{ByteRecord, ReaderBuilder, StringRecord, Trim};
use serde_json::{Map, Value, json};
use wire::api::member::MAX_IMPORT;
use wire::api::problem::{FieldError, Problem};

use super::rows::{ImportRow, too_many};

/// Columns that are fields of a member, by their own names.
const TEXTS: [&str; 7] =
    ["id", "first_names", "last_names", "email", "primary_phone", "secondary_phone", "country"];
/// What columns of the organisation's own fields begin with.
const OWN: &str = "fields.";

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Text(&'static str),
    UnitId,
    UnitName,
    Own(String),
}

impl Column {
    fn of(header: &str) -> Option<Self> {
        let text = TEXTS.into_iter().find(|name| *name == header);
        match (text, header) {
            (Some(name), _) => Some(Self::Text(name)),
            (None, "unit_id" | "unit.id") => Some(Self::UnitId),
            (None, "unit_name" | "unit.name") => Some(Self::UnitName),
            (None, other) => other.strip_prefix(OWN).map(|name| Self::Own(name.to_owned())),
        }
    }
}

/// Reads the rows. An empty cell is an absent value.
///
/// # Errors
/// 422 if the header is not one, or there are too many rows.
pub(super) fn read(body: &[u8]) -> Result<Vec<ImportRow>, Problem> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::Headers).from_reader(body);
    let columns = match reader.headers() {
        Ok(headers) => columns(headers)?,
        Err(_) => return Err(header(vec![FieldError::new("(header)", "encoding", "must be UTF-8")])),
    };
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        if rows.len() == MAX_IMPORT {
            return Err(too_many());
        }
        rows.push(match record {
            Ok(record) => row(&columns, &record),
            Err(_) => ImportRow::unreadable("csv", "is not CSV"),
        });
    }
    Ok(rows)
}

fn header(errors: Vec<FieldError>) -> Problem {
    Problem::invalid(errors)
}

fn columns(headers: &StringRecord) -> Result<Vec<Column>, Problem> {
    let mut errors = Vec::new();
    let mut columns = Vec::new();
    let mut seen = BTreeSet::new();
    for name in headers {
        let short: String = name.chars().take(64).collect();
        let short = short.escape_debug().to_string();
        match Column::of(name) {
            Some(column) if seen.insert(column.clone()) => columns.push(column),
            Some(_) => errors.push(FieldError::new(short, "duplicate", "is a column twice")),
            None => {
                let message = format!(
                    "is not a column here; the columns are {}, unit_id, unit_name and fields.NAME",
                    TEXTS.join(", ")
                );
                errors.push(FieldError::new(short, "unknown", message));
            }
        }
        // A line of text that is no header at all would name every word of it.
        if errors.len() == 20 {
            break;
        }
    }
    if !columns.contains(&Column::Text("id")) {
        errors.push(FieldError::new("id", "required", "the first line must name the columns, id among them"));
    }
    if errors.is_empty() { Ok(columns) } else { Err(header(errors)) }
}

fn row(columns: &[Column], record: &ByteRecord) -> ImportRow {
    if record.len() != columns.len() {
        let message = format!("has {} cells; the header has {}", record.len(), columns.len());
        return ImportRow::unreadable("columns", message);
    }
    let mut member = Map::new();
    let (mut unit_id, mut unit_name) = (None, "");
    let mut own = Map::new();
    for (column, cell) in columns.iter().zip(record) {
        let Ok(cell) = std::str::from_utf8(cell) else {
            return ImportRow::unreadable("encoding", "must be UTF-8");
        };
        match column {
            _ if cell.is_empty() => {}
            Column::Text(name) => drop(member.insert((*name).to_owned(), cell.into())),
            Column::UnitId => unit_id = Some(cell),
            Column::UnitName => unit_name = cell,
            Column::Own(name) => drop(own.insert(name.clone(), cell.into())),
        }
    }
    if unit_id.is_some() || !unit_name.is_empty() {
        member.insert("unit".into(), json!({"id": unit_id, "name": unit_name}));
    }
    member.insert("fields".into(), Value::Object(own));
    ImportRow::of(&Value::Object(member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_is_none_is_named_without_its_control_characters() {
        let problem = read(b"id,\0\x1b[2Jname\nm1,Ana\n").unwrap_err();
        assert_eq!(problem.errors[0].field, "\\0\\u{1b}[2Jname");
        assert!(!problem.detail.contains(char::is_control));
    }
}
