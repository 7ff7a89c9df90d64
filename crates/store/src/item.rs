//! Reading and writing items: typed access to attributes, errors that name the item and the attribute.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;

use crate::{Result, StoreError};

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A text attribute.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute.
pub(crate) fn n(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A time, in milliseconds since 1970.
pub(crate) fn time(at: Timestamp) -> AttributeValue {
    n(at.millis())
}

/// The key attributes of an item.
pub(crate) fn key(pk: impl Into<String>, sk: AttributeValue) -> Item {
    Item::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), sk)])
}

/// Attributes of an item under construction; absent values leave no attribute.
#[derive(Debug, Default)]
pub(crate) struct Writer(Item);

impl Writer {
    pub(crate) fn set(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn maybe(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    pub(crate) fn done(self) -> Item {
        self.0
    }
}

/// An item being read.
#[derive(Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a Item);

impl Reader<'_> {
    pub(crate) fn corrupt(&self, attribute: &str) -> StoreError {
        let part = |name| match self.0.get(name) {
            Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.as_str(),
            _ => "?",
        };
        StoreError::Corrupt {
            key: format!("{} / {}", part("pk"), part("sk")),
            attribute: attribute.to_owned(),
        }
    }

    pub(crate) fn text_opt(&self, name: &str) -> Result<Option<&str>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(self.corrupt(name)),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str> {
        self.text_opt(name)?.ok_or_else(|| self.corrupt(name))
    }

    /// A text attribute that `parse` understands.
    pub(crate) fn parsed<T>(&self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        parse(self.text(name)?).ok_or_else(|| self.corrupt(name))
    }

    pub(crate) fn parsed_opt<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.text_opt(name)? {
            None => Ok(None),
            Some(text) => parse(text).map(Some).ok_or_else(|| self.corrupt(name)),
        }
    }

    pub(crate) fn number_opt<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(AttributeValue::N(text)) => text.parse().map(Some).map_err(|_| self.corrupt(name)),
            Some(_) => Err(self.corrupt(name)),
        }
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T> {
        self.number_opt(name)?.ok_or_else(|| self.corrupt(name))
    }

    /// A set of numbers; empty when the attribute is absent.
    pub(crate) fn numbers<T: std::str::FromStr + Ord>(
        &self,
        name: &str,
    ) -> Result<std::collections::BTreeSet<T>> {
        match self.0.get(name) {
            None => Ok(std::collections::BTreeSet::new()),
            Some(AttributeValue::Ns(all)) => {
                all.iter().map(|text| text.parse().map_err(|_| self.corrupt(name))).collect()
            }
            Some(_) => Err(self.corrupt(name)),
        }
    }

    /// A number that counts from zero when the attribute is absent.
    pub(crate) fn count(&self, name: &str) -> Result<u64> {
        Ok(self.number_opt(name)?.unwrap_or(0))
    }

    pub(crate) fn time_opt(&self, name: &str) -> Result<Option<Timestamp>> {
        Ok(self.number_opt(name)?.map(Timestamp::from_millis))
    }

    pub(crate) fn time(&self, name: &str) -> Result<Timestamp> {
        self.number(name).map(Timestamp::from_millis)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(AttributeValue::Bool(true)))
    }

    /// A part that is kept as JSON text: content that is read as a whole or not at all.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_str(self.text(name)?).map_err(|_| self.corrupt(name))
    }

    pub(crate) fn json_opt<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.text_opt(name)?.map(|_| self.json(name)).transpose()
    }

    pub(crate) fn json_or_default<T: serde::de::DeserializeOwned + Default>(&self, name: &str) -> Result<T> {
        Ok(self.json_opt(name)?.unwrap_or_default())
    }
}

/// JSON text of a part that is read as a whole or not at all.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> AttributeValue {
    // Our own types with string keys always serialise; an empty text would be refused on reading.
    s(serde_json::to_string(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_does_not_convert_names_its_key_and_attribute() {
        let item = Writer::default().set("pk", s("o#x")).set("sk", n(4)).set("status", n(1)).done();
        let error = Reader(&item).text("status").unwrap_err();
        assert_eq!(error.to_string(), "item o#x / 4 holds a bad `status`");
    }
}
