//! Reading a JSON body field by field, collecting everything that does not fit.
//!
//! ```
//! use wire::api::fields::{self, Text};
//! let body = serde_json::json!({"name": "St Mark", "colour": "red"});
//! let problem = fields::read(&body, |f| {
//!     // Read every field first and give up at the end, so that all errors are found in one pass.
//!     let name = f.required("name").text(Text::line(200));
//!     let country = f.required("country").text(Text::line(2));
//!     Some((name?, country?))
//! })
//! .unwrap_err();
//! assert_eq!(problem.errors.len(), 2); // `country` is required, `colour` is unknown
//! ```
//!
//! `null` counts as absent everywhere; [`Fields::is_null`] tells the two apart where it matters.

mod body;
mod field;
mod json;
mod path;
mod text;

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::problem::{FieldError, Problem};
use path::Path;

pub use body::{Body, MAX_BODY};
pub use field::Field;
pub use text::Text;

/// Most errors that one answer lists. An answer has to fit into the 6 MB that a function may return, and a body can
/// hold 100,000 ids that are all wrong.
const MAX_ERRORS: usize = 1_000;

/// Everything that did not fit so far.
#[derive(Debug, Default)]
struct Errors {
    listed: RefCell<Vec<FieldError>>,
    omitted: RefCell<usize>,
}

impl Errors {
    fn push(&self, path: &Path<'_>, code: &str, message: impl Into<String>) {
        let mut listed = self.listed.borrow_mut();
        if listed.len() < MAX_ERRORS {
            listed.push(FieldError::new(path.to_string(), code, message));
        } else {
            *self.omitted.borrow_mut() += 1;
        }
    }
}

/// Reads a body whose top level is an object. `reader` gives `None` when something that it needs is missing or wrong,
/// which the readers of the fields have then reported. Fields that `reader` does not ask for are errors.
///
/// # Errors
/// 422 with all errors, at most the first 1,000 of them.
pub fn read<T>(body: &Value, reader: impl FnOnce(&Fields<'_>) -> Option<T>) -> Result<T, Problem> {
    read_collecting(body, reader).map_err(|errors| {
        let Errors { listed, omitted } = errors;
        let (listed, omitted) = (listed.into_inner(), omitted.into_inner());
        if listed.is_empty() {
            // The reader gave up without a reason: a fault of ours.
            return Problem::internal();
        }
        let total = listed.len() + omitted;
        let mut problem = Problem::invalid(listed);
        if omitted > 0 {
            problem.detail = format!("{total} fields do not fit; the first {MAX_ERRORS} are listed");
        }
        problem
    })
}

/// Like [`read`], for one row of many: gives the bare errors.
///
/// # Errors
/// Everything that does not fit, at most the first 1,000.
pub fn read_row<T>(row: &Value, reader: impl FnOnce(&Fields<'_>) -> Option<T>) -> Result<T, Vec<FieldError>> {
    read_collecting(row, reader).map_err(|errors| errors.listed.into_inner())
}

fn read_collecting<T>(body: &Value, reader: impl FnOnce(&Fields<'_>) -> Option<T>) -> Result<T, Errors> {
    let errors = Errors::default();
    let root = Field { value: Some(body), path: Path::Root, errors: &errors };
    let read = root.object(reader);
    match read {
        Some(value) if errors.listed.borrow().is_empty() => Ok(value),
        _ => Err(errors),
    }
}

/// The fields of one object.
#[derive(Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: &'a Path<'a>,
    errors: &'a Errors,
    asked: RefCell<Vec<&'static str>>,
}

impl Fields<'_> {
    /// A field that may be absent. Its readers then give `None`, without an error.
    pub fn optional(&self, name: &'static str) -> Field<'_> {
        self.asked.borrow_mut().push(name);
        let value = self.object.get(name).filter(|value| !value.is_null());
        Field { value, path: Path::Name(self.path, name), errors: self.errors }
    }

    /// A field that has to be there.
    pub fn required(&self, name: &'static str) -> Field<'_> {
        let field = self.optional(name);
        if field.value.is_none() {
            field.fail("required", "is required");
        }
        field
    }

    /// Accepts a field without looking at it, such as one that answers carry and requests may send back.
    pub fn ignore(&self, name: &'static str) {
        self.asked.borrow_mut().push(name);
    }

    /// Whether the field is there and not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether the field is there as `null`, where that means something else than leaving it out.
    pub fn is_null(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(Value::is_null)
    }

    /// Reports an error of a field, for rules that concern several fields.
    pub fn fail(&self, name: &str, code: &str, message: impl Into<String>) {
        self.errors.push(&Path::Name(self.path, name), code, message);
    }

    /// Reports an error of the object as a whole.
    pub fn fail_whole(&self, code: &str, message: impl Into<String>) {
        self.errors.push(self.path, code, message);
    }

    fn report_unknown(&self) {
        let asked = self.asked.borrow();
        for name in self.object.keys().filter(|name| !asked.contains(&name.as_str())) {
            let mut known: Vec<_> = asked.clone();
            known.sort_unstable();
            known.dedup();
            let message = if known.is_empty() {
                "is not a field here; the object has no fields".to_owned()
            } else {
                format!("is not a field here; the fields are {}", known.join(", "))
            };
            self.errors.push(&Path::Name(self.path, name), "unknown", message);
        }
    }
}

#[cfg(test)]
mod tests;
