//! Members and their opt-outs.

use std::collections::BTreeMap;

use domain::member::{Member, Unit};
use domain::opt_out::Source;
use domain::variables::is_field_name;
use domain::{Channel, MemberId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::fields::{Field, Fields, Text, read, read_row};
use super::organisation::{read_country, same_id};
use super::problem::{FieldError, Problem};

/// Most members of one import.
pub const MAX_IMPORT: usize = 5_000;

const MAX_NAME: usize = 200;
const MAX_EMAIL: usize = 320;
const MAX_PHONE: usize = 64;
const MAX_FIELDS: usize = 50;
const MAX_FIELD: usize = 1_000;

/// Reads the body of `PUT /members/{id}`.
///
/// # Errors
/// 422 with everything that does not fit.
pub fn read_member(body: &Value, id: &MemberId) -> Result<Member, Problem> {
    read(body, |f| {
        same_id(&f.optional("id"), id.as_str());
        read_fields(f, Some(id.clone()))
    })
}

/// Reads one member of an import, whose id is its own.
///
/// # Errors
/// Everything that does not fit.
pub fn read_imported(row: &Value) -> Result<Member, Vec<FieldError>> {
    read_row(row, |f| {
        let id = f.required("id").id();
        read_fields(f, id)
    })
}

/// Texts are kept as they are given: whether an address can be used is decided when something is sent.
fn read_fields(f: &Fields<'_>, id: Option<MemberId>) -> Option<Member> {
    let text = |name, max| f.optional(name).text(Text::line(max).or_empty());
    let country = f.optional("country");
    let is_blank = country.value().and_then(Value::as_str).is_some_and(|text| text.trim().is_empty());
    let member = Member {
        first_names: text("first_names", MAX_NAME),
        last_names: text("last_names", MAX_NAME),
        email: text("email", MAX_EMAIL),
        primary_phone: text("primary_phone", MAX_PHONE),
        secondary_phone: text("secondary_phone", MAX_PHONE),
        country: if is_blank { None } else { read_country(&country) },
        unit: f.optional("unit").object(read_unit),
        fields: read_own(&f.optional("fields")),
        id: id?,
    };
    Some(member)
}

fn read_unit(f: &Fields<'_>) -> Option<Unit> {
    // Ids of the host application all have one form.
    let id = f.required("id").id::<MemberId>();
    let name = f.required("name").text(Text::line(MAX_NAME).or_empty());
    Some(Unit { id: id?.to_string(), name: name? })
}

fn read_own(field: &Field<'_>) -> BTreeMap<String, String> {
    let name = |name: &str| {
        let message = "the name of a field has 1 to 64 letters, digits, _ and -";
        if is_field_name(name) { Ok(()) } else { Err(message.to_owned()) }
    };
    field.map(MAX_FIELDS, Text::block(MAX_FIELD).or_empty(), name).unwrap_or_default()
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportResult {
    /// Members who were written.
    pub imported: usize,
    /// Why others were not, in the order of the rows.
    pub errors: Vec<ImportError>,
}

/// Something that kept a row from being imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportError {
    /// The row, counted from 1; a CSV's header is not counted.
    pub row: usize,
    /// The id in the row, if there is one.
    pub id: Option<String>,
    /// The field, unless it is the row as a whole.
    pub field: Option<String>,
    /// What is wrong, for programs.
    pub code: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// An opt-out, as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OptOutView {
    /// The channel.
    pub channel: Channel,
    /// What it came from.
    pub source: Source,
    /// When the request for it came.
    pub at: Timestamp,
    /// `member`, or `address` for all members who have the address.
    pub scope: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn put(body: &Value) -> Result<Member, Vec<(String, String)>> {
        read_member(body, &"m1".parse().unwrap())
            .map_err(|problem| problem.errors.into_iter().map(|error| (error.field, error.code)).collect())
    }

    #[test]
    fn a_member_reads_back_as_they_were_put_with_nulls_for_what_is_unknown() {
        let whole = json!({
            "id": "m1", "first_names": "Ana", "last_names": "Öz", "email": "not an address", "primary_phone": "021 555",
            "secondary_phone": "", "country": "NZ", "unit": {"id": "u1", "name": "North"}, "fields": {"seat-no": "4"}
        });
        assert_eq!(serde_json::to_value(put(&whole).unwrap()).unwrap(), whole);
        let bare = json!({
            "id": "m1", "first_names": null, "last_names": null, "email": null, "primary_phone": null,
            "secondary_phone": null, "country": null, "unit": null, "fields": {}
        });
        assert_eq!(serde_json::to_value(put(&json!({})).unwrap()).unwrap(), bare);
        assert_eq!(serde_json::to_value(put(&bare).unwrap()).unwrap(), bare, "what a GET answers can be PUT");
    }

    #[test]
    fn everything_that_does_not_fit_is_reported() {
        let body = json!({
            "id": "m2", "first_names": "a\nb", "last_names": 5, "email": "x".repeat(321), "primary_phone": "\u{202e}1",
            "country": "Zealand", "unit": {"id": "u 1"}, "fields": {"a b": "x", "seat": 4, "y": "z".repeat(1001)}, "age": 3
        });
        let expected = [
            ("id", "mismatch"),
            ("first_names", "character"),
            ("last_names", "type"),
            ("email", "too_long"),
            ("primary_phone", "character"),
            ("country", "country"),
            ("unit.id", "id"),
            ("unit.name", "required"),
            ("fields.a b", "name"),
            ("fields.seat", "type"),
            ("fields.y", "too_long"),
            ("age", "unknown"),
        ];
        let expected: Vec<_> = expected.map(|(field, code)| (field.to_owned(), code.to_owned())).into();
        assert_eq!(put(&body).unwrap_err(), expected);
    }

    #[test]
    fn an_imported_member_needs_an_id() {
        let codes = |row: &Value| -> Vec<String> {
            read_imported(row).unwrap_err().into_iter().map(|e| e.code).collect()
        };
        assert_eq!(codes(&json!({"email": 1})), ["required", "type"]);
        assert_eq!(codes(&json!({"id": "a b"})), ["id"]);
        assert_eq!(codes(&json!(["m1"])), ["type"]);
        assert_eq!(read_imported(&json!({"id": "m9", "country": ""})).unwrap().id.as_str(), "m9");
    }
}
