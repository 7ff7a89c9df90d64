//! Forms, as Twilio reads and writes them.

use serde_json::{Map, Value};

/// A decoded form, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The value of a field; one that is there but empty counts as missing.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|(key, _)| key == name).count()
    }

    /// All fields; one that is repeated is a list.
    pub(super) fn to_json(&self) -> Value {
        let mut object = Map::new();
        for (name, value) in &self.0 {
            let value = Value::String(value.clone());
            match object.get_mut(name) {
                None => {
                    object.insert(name.clone(), value);
                }
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Value::Object(object)
    }
}

/// Writes a form.
pub(super) fn encode(fields: &[(&str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_field_becomes_a_list() {
        let form = Form::parse(b"To=%2B1&MediaUrl=a&MediaUrl=b&MediaUrl=c&Body=");
        assert_eq!(form.to_json(), serde_json::json!({"To": "+1", "MediaUrl": ["a", "b", "c"], "Body": ""}));
        assert_eq!((form.get("Body"), form.count("MediaUrl")), (None, 3));
    }
}
