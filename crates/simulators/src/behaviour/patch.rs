//! `PUT /behaviour`: reading a change and saying everything that is wrong with it at once.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Behaviour;
use crate::problem::FieldError;
use crate::provider::Provider;

/// A week: longer delays would outlive any receipt window.
const LONGEST_DELAY_MS: u64 = 7 * 24 * 3600 * 1000;
/// Ten minutes: clients have given up long before.
const LONGEST_LATENCY_MS: u64 = 600_000;
const HIGHEST_RATE: f64 = 1_000_000.0;

/// A valid change: each field is what to set, and the outer `None` what to leave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Patch {
    pub(crate) provider: Provider,
    rate_per_second: Option<Limit>,
    latency_ms: Option<u64>,
    error_rate: Option<f64>,
    timeout_after_accept_rate: Option<f64>,
    delay_ms: Option<u64>,
    duplicate_rate: Option<f64>,
    reorder: Option<f64>,
    drop_rate: Option<f64>,
    read_rate: Option<f64>,
    seed: Option<u64>,
}

/// A limit, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Limit(Option<f64>);

impl Patch {
    pub(super) fn applied_to(&self, behaviour: &Behaviour) -> Behaviour {
        let mut changed = behaviour.clone();
        set(&mut changed.rate_per_second, self.rate_per_second.map(|Limit(rate)| rate));
        set(&mut changed.latency_ms, self.latency_ms);
        set(&mut changed.error_rate, self.error_rate);
        set(&mut changed.timeout_after_accept_rate, self.timeout_after_accept_rate);
        set(&mut changed.callback.delay_ms, self.delay_ms);
        set(&mut changed.callback.duplicate_rate, self.duplicate_rate);
        set(&mut changed.callback.reorder, self.reorder);
        set(&mut changed.callback.drop_rate, self.drop_rate);
        set(&mut changed.callback.read_rate, self.read_rate);
        set(&mut changed.seed, self.seed);
        changed
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Reads a body. A field left out keeps its value; `null` gives it its default again.
///
/// # Errors
/// All fields that are unknown, missing, of the wrong type or out of range.
pub(crate) fn parse(body: &Map<String, Value>) -> Result<Patch, Vec<FieldError>> {
    let mut errors = Vec::new();
    let empty = Map::new();
    let callback = match body.get("callback") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(object)) => object,
        Some(_) => {
            errors.push(FieldError::new("callback", "wrong_type", "callback must be an object"));
            &empty
        }
    };
    let provider = provider(body, &mut errors);
    let mut fields = Fields { body, callback, errors };
    let defaults = Behaviour::default();
    let patch = Patch {
        provider: provider.unwrap_or(Provider::Twilio),
        rate_per_second: fields.read("rate_per_second", Limit(None), |value| {
            rate(value, HIGHEST_RATE).map(|rate| Limit(Some(rate)))
        }),
        latency_ms: fields.read("latency_ms", defaults.latency_ms, |value| whole(value, LONGEST_LATENCY_MS)),
        error_rate: fields.read("error_rate", 0.0, share),
        timeout_after_accept_rate: fields.read("timeout_after_accept_rate", 0.0, share),
        delay_ms: fields
            .read("callback.delay_ms", defaults.callback.delay_ms, |value| whole(value, LONGEST_DELAY_MS)),
        duplicate_rate: fields.read("callback.duplicate_rate", 0.0, share),
        reorder: fields.read("callback.reorder", 0.0, share_or_bool),
        drop_rate: fields.read("callback.drop_rate", 0.0, share),
        read_rate: fields.read("callback.read_rate", 0.0, share),
        seed: fields.read("seed", 0, |value| whole(value, u64::MAX)),
    };
    let mut errors = fields.errors;
    unknown_fields(body, callback, &mut errors);
    if errors.is_empty() { Ok(patch) } else { Err(errors) }
}

fn provider(body: &Map<String, Value>, errors: &mut Vec<FieldError>) -> Option<Provider> {
    let provider = body.get("provider").and_then(Value::as_str).and_then(Provider::from_name);
    if provider.is_none() {
        let code = if body.contains_key("provider") { "not_allowed" } else { "required" };
        errors.push(FieldError::new("provider", code, "provider must be twilio, whatsapp or ses"));
    }
    provider
}

fn unknown_fields(body: &Map<String, Value>, callback: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    let known = [
        "provider",
        "rate_per_second",
        "latency_ms",
        "error_rate",
        "timeout_after_accept_rate",
        "callback",
        "seed",
    ];
    let known_callback = ["delay_ms", "duplicate_rate", "reorder", "drop_rate", "read_rate"];
    let top = body.keys().filter(|key| !known.contains(&key.as_str())).cloned();
    let inner = callback
        .keys()
        .filter(|key| !known_callback.contains(&key.as_str()))
        .map(|key| format!("callback.{key}"));
    for name in top.chain(inner) {
        let message = format!("{name} is not known here");
        errors.push(FieldError::new(name, "unknown_field", message));
    }
}

/// The two objects that fields are read from, and what was wrong so far.
struct Fields<'a> {
    body: &'a Map<String, Value>,
    callback: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields<'_> {
    fn read<T>(
        &mut self,
        name: &str,
        default: T,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = match name.strip_prefix("callback.") {
            Some(inner) => self.callback.get(inner)?,
            None => self.body.get(name)?,
        };
        if value.is_null() {
            return Some(default);
        }
        match read(value) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.errors.push(FieldError::new(name, "out_of_range", format!("{name} must be {expected}")));
                None
            }
        }
    }
}

fn rate(value: &Value, most: f64) -> Result<f64, String> {
    value
        .as_f64()
        .filter(|rate| (0.0..=most).contains(rate))
        .ok_or_else(|| format!("a number from 0 to {most}"))
}

fn share(value: &Value) -> Result<f64, String> {
    rate(value, 1.0)
}

fn share_or_bool(value: &Value) -> Result<f64, String> {
    match value {
        Value::Bool(yes) => Ok(f64::from(u8::from(*yes))),
        other => share(other).map_err(|expected| format!("true, false or {expected}")),
    }
}

fn whole(value: &Value, most: u64) -> Result<u64, String> {
    value.as_u64().filter(|number| *number <= most).ok_or_else(|| format!("a whole number from 0 to {most}"))
}

/// For reading back what was kept.
pub(super) fn rate_or_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    share_or_bool(&value).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Patch, Vec<FieldError>> {
        parse(body.as_object().unwrap())
    }

    #[test]
    fn a_field_left_out_keeps_its_value_and_null_gives_the_default() {
        let first = json!({"provider": "ses", "rate_per_second": 3.5, "latency_ms": 9,
            "callback": {"delay_ms": 5, "reorder": true, "drop_rate": 0.25}});
        let changed = read(&first).unwrap().applied_to(&Behaviour::default());
        let second = json!({"provider": "ses", "rate_per_second": null, "callback": {"delay_ms": 6}});
        let again = read(&second).unwrap().applied_to(&changed);
        assert_eq!(again.rate_per_second, None);
        assert_eq!(again.latency_ms, 9);
        assert_eq!(again.callback.delay_ms, 6);
        assert_eq!((again.callback.reorder, again.callback.drop_rate), (1.0, 0.25));
        let kept: Behaviour = serde_json::from_value(serde_json::to_value(&again).unwrap()).unwrap();
        assert_eq!(kept, again);
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let errors =
            read(&json!({"provider": "fax", "error_rate": 1.5, "latency_ms": -1, "speed": 1, "seed": "x",
            "callback": {"delay_ms": 1.5, "reorder": "yes", "drop": 1}}))
            .unwrap_err();
        let mut names: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        names.sort_unstable();
        let expected = [
            "callback.delay_ms",
            "callback.drop",
            "callback.reorder",
            "error_rate",
            "latency_ms",
            "provider",
            "seed",
            "speed",
        ];
        assert_eq!(names, expected);
        assert_eq!(read(&json!({})).unwrap_err()[0].code, "required");
        assert_eq!(read(&json!({"provider": "ses", "callback": 3})).unwrap_err()[0].field, "callback");
    }
}
