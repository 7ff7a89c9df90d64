//! Readers of single values. Each gives `None` for a value that is absent or, after reporting it, wrong.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use domain::Timestamp;
use serde_json::Value;

use super::path::Path;
use super::{Errors, Fields, Text};

/// One value, present or not.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    pub(super) value: Option<&'a Value>,
    pub(super) path: Path<'a>,
    pub(super) errors: &'a Errors,
}

impl<'a> Field<'a> {
    /// Reports an error of this field.
    pub fn fail(&self, code: &str, message: impl Into<String>) {
        self.errors.push(&self.path, code, message);
    }

    /// The value as it is, for rules that fit no reader.
    pub fn value(&self) -> Option<&'a Value> {
        self.value
    }

    fn typed<T>(&self, what: &str, get: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        let typed = get(self.value?);
        if typed.is_none() {
            self.fail("type", format!("must be {what}"));
        }
        typed
    }

    /// A text within `limits`.
    pub fn text(&self, limits: Text) -> Option<String> {
        self.str(limits).map(str::to_owned)
    }

    /// A text within `limits` that says something: more than nothing, white space and characters without a width.
    pub fn said(&self, limits: Text) -> Option<String> {
        let text = self.text(limits)?;
        let says =
            |c: char| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
        if text.contains(says) {
            return Some(text);
        }
        self.fail("blank", "must say something");
        None
    }

    /// A text within `limits`, borrowed.
    pub fn str(&self, limits: Text) -> Option<&'a str> {
        let text = self.typed("a text", Value::as_str)?;
        match limits.check(text) {
            Ok(()) => Some(text),
            Err((code, message)) => {
                self.fail(code, message);
                None
            }
        }
    }

    /// A text that `T` reads; its error completes the sentence "it ...", e.g. "must be 1 to 64 characters".
    /// `code` is the error's code.
    pub fn parsed<T>(&self, code: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.typed("a text", Value::as_str)?;
        text.parse().map_err(|error| self.fail(code, format!("{error}"))).ok()
    }

    /// An id of kind `T`.
    pub fn id<T>(&self) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        self.parsed("id")
    }

    /// A time in RFC 3339.
    pub fn time(&self) -> Option<Timestamp> {
        self.parsed("time")
    }

    /// `true` or `false`.
    pub fn bool(&self) -> Option<bool> {
        self.typed("true or false", Value::as_bool)
    }

    /// A whole number in `range`.
    pub fn integer<N>(&self, range: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<i64> + PartialOrd + Display,
    {
        let value = self.value?;
        let is_whole = value.is_i64() || value.is_u64();
        if !is_whole {
            self.fail("type", "must be a whole number");
            return None;
        }
        let number = value.as_i64().and_then(|n| N::try_from(n).ok()).filter(|n| range.contains(n));
        if number.is_none() {
            self.fail("range", format!("must be between {} and {}", range.start(), range.end()));
        }
        number
    }

    /// A number that `T` takes; `code` is the error's code.
    pub fn number<T>(&self, code: &str) -> Option<T>
    where
        T: TryFrom<f64, Error: Display>,
    {
        let number = self.typed("a number", Value::as_f64)?;
        T::try_from(number).map_err(|error| self.fail(code, format!("{error}"))).ok()
    }

    /// One of the named choices.
    pub fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.typed("a text", Value::as_str)?;
        let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| choice.clone());
        if chosen.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.fail("choice", format!("must be one of {}", names.join(", ")));
        }
        chosen
    }

    /// An object. Fields that `reader` does not ask for are reported.
    pub fn object<T>(&self, reader: impl FnOnce(&Fields<'_>) -> Option<T>) -> Option<T> {
        let object = self.typed("a JSON object", Value::as_object)?;
        let fields =
            Fields { object, path: &self.path, errors: self.errors, asked: RefCell::new(Vec::new()) };
        let read = reader(&fields);
        fields.report_unknown();
        read
    }

    /// An array with a number of elements in `len`. `None` if any element is wrong; all of them are looked at.
    pub fn array<T>(
        &self,
        len: RangeInclusive<usize>,
        reader: impl FnMut(Field<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let elements = self.values(len)?;
        self.elements(elements, reader)
    }

    /// An array with a number of elements in `len`, as they are.
    pub fn values(&self, len: RangeInclusive<usize>) -> Option<&'a [Value]> {
        let values = self.typed("an array", Value::as_array)?;
        if len.contains(&values.len()) {
            return Some(values);
        }
        let (min, max) = (len.start(), len.end());
        if values.len() > *max {
            self.fail("too_many", format!("must have at most {max} elements"));
        } else {
            let elements = if *min == 1 { "element" } else { "elements" };
            self.fail("too_few", format!("must have at least {min} {elements}"));
        }
        None
    }

    fn elements<T>(
        &self,
        elements: &[Value],
        mut reader: impl FnMut(Field<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut all = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            let value = Some(element).filter(|element| !element.is_null());
            let field = Field { value, path: Path::Index(&self.path, index), errors: self.errors };
            if value.is_none() {
                field.fail("required", "must not be null");
            }
            all.extend(reader(field));
        }
        (all.len() == elements.len()).then_some(all)
    }

    /// An object whose names are the caller's own and whose values are texts within `limits`; `name` says what is wrong
    /// with a name. A value that is `null` counts as absent.
    pub fn map(
        &self,
        max: usize,
        limits: Text,
        name: impl Fn(&str) -> Result<(), String>,
    ) -> Option<BTreeMap<String, String>> {
        let object = self.typed("a JSON object", Value::as_object)?;
        if object.len() > max {
            self.fail("too_many", format!("must have at most {max} entries"));
            return None;
        }
        let mut all = BTreeMap::new();
        let mut fits = true;
        for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let field = Field { value: Some(value), path: Path::Name(&self.path, key), errors: self.errors };
            if let Err(message) = name(key) {
                field.fail("name", message);
                fits = false;
            }
            match field.text(limits) {
                Some(text) => drop(all.insert(key.clone(), text)),
                None => fits = false,
            }
        }
        fits.then_some(all)
    }
}
