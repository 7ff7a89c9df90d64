//! The attributes of a queue: which there are, their limits, and what they mean.

use std::collections::BTreeMap;

use serde_json::Value;

use super::address;
use super::refusal::{Fault, Refusal};

/// Attributes as the API carries them.
pub(super) type Attributes = BTreeMap<String, String>;

/// A number with its limits: name, default, least, most.
struct Number(&'static str, i64, i64, i64);

const VISIBILITY_TIMEOUT: Number = Number("VisibilityTimeout", 30, 0, 43_200);
const DELAY: Number = Number("DelaySeconds", 0, 0, 900);
const WAIT: Number = Number("ReceiveMessageWaitTimeSeconds", 0, 0, 20);
const RETENTION: Number = Number("MessageRetentionPeriod", 345_600, 60, 1_209_600);
const MAXIMUM_SIZE: Number = Number("MaximumMessageSize", 1_048_576, 1_024, 1_048_576);
const NUMBERS: [Number; 5] = [VISIBILITY_TIMEOUT, DELAY, WAIT, RETENTION, MAXIMUM_SIZE];

/// Attributes that are kept and answered but change nothing here: access and encryption.
const WITHOUT_EFFECT: [&str; 4] =
    ["Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"];

/// Attributes that only the service writes.
pub(super) const COMPUTED: [&str; 6] = [
    "QueueArn",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
];

const REDRIVE: &str = "RedrivePolicy";
const REDRIVE_ALLOW: &str = "RedriveAllowPolicy";

/// When a message leaves a queue for its dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The name of the dead-letter queue.
    pub(super) target: String,
    /// A message that was received this often is not delivered again.
    pub(super) max_receives: i64,
}

/// Which queues may use this one as their dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum RedriveAllow {
    /// All.
    #[default]
    All,
    /// None.
    Nobody,
    /// Those with these names.
    Queues(Vec<String>),
}

impl RedriveAllow {
    pub(super) fn allows(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Nobody => false,
            Self::Queues(names) => names.iter().any(|allowed| allowed == name),
        }
    }
}

/// The attributes of one queue, checked and read.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// As given, numbers and policies in their normal form.
    given: Attributes,
    pub(super) visibility_ms: i64,
    pub(super) delay_ms: i64,
    pub(super) wait_s: i64,
    pub(super) retention_ms: i64,
    pub(super) maximum_size: usize,
    pub(super) redrive: Option<Redrive>,
    pub(super) redrive_allow: RedriveAllow,
}

impl Settings {
    /// Reads attributes as given by a client or kept in the database.
    ///
    /// # Errors
    ///
    /// [`Fault::InvalidAttributeName`] and [`Fault::InvalidAttributeValue`].
    pub(super) fn read(mut given: Attributes) -> Result<Self, Refusal> {
        for name in given.keys() {
            let known = NUMBERS.iter().any(|number| number.0 == name)
                || WITHOUT_EFFECT.contains(&name.as_str())
                || [REDRIVE, REDRIVE_ALLOW].contains(&name.as_str());
            if !known {
                return Err(unknown(name));
            }
        }
        let visibility_ms = number(&mut given, &VISIBILITY_TIMEOUT)? * 1000;
        let delay_ms = number(&mut given, &DELAY)? * 1000;
        let wait_s = number(&mut given, &WAIT)?;
        let retention_ms = number(&mut given, &RETENTION)? * 1000;
        let maximum_size = usize::try_from(number(&mut given, &MAXIMUM_SIZE)?).unwrap_or(usize::MAX);
        let redrive = policy(&mut given, REDRIVE, read_redrive)?;
        let redrive_allow = policy(&mut given, REDRIVE_ALLOW, read_redrive_allow)?.unwrap_or_default();
        Ok(Self {
            given,
            visibility_ms,
            delay_ms,
            wait_s,
            retention_ms,
            maximum_size,
            redrive,
            redrive_allow,
        })
    }

    /// These settings with `changes` over them; an empty policy takes the policy away.
    ///
    /// # Errors
    ///
    /// As for [`Settings::read`].
    pub(super) fn changed(&self, changes: Attributes) -> Result<Self, Refusal> {
        let mut given = self.given.clone();
        given.extend(changes);
        Self::read(given)
    }

    /// The first attribute of `other` that has another value here.
    pub(super) fn difference<'a>(&self, other: &'a Self) -> Option<&'a str> {
        let own = self.answered();
        let differs = |(name, value): &(&String, &String)| own.get(*name) != Some(*value);
        other.given.iter().find(differs).map(|(name, _)| name.as_str())
    }

    /// As kept in the database.
    pub(super) fn given(&self) -> &Attributes {
        &self.given
    }

    /// As answered to `GetQueueAttributes`: what was given, and defaults for the rest.
    pub(super) fn answered(&self) -> Attributes {
        let mut all: Attributes =
            NUMBERS.iter().map(|number| (number.0.to_owned(), number.1.to_string())).collect();
        all.extend(self.given.clone());
        all
    }
}

/// Whether `GetQueueAttributes` may be asked for `name`.
pub(super) fn is_known(name: &str) -> bool {
    NUMBERS.iter().any(|number| number.0 == name)
        || WITHOUT_EFFECT.contains(&name)
        || COMPUTED.contains(&name)
        || [REDRIVE, REDRIVE_ALLOW].contains(&name)
}

/// The refusal of an attribute that a standard queue does not have.
pub(super) fn unknown(name: &str) -> Refusal {
    Refusal::new(Fault::InvalidAttributeName, format!("Unknown Attribute {name}."))
}

fn invalid(name: &str) -> Refusal {
    Refusal::new(Fault::InvalidAttributeValue, format!("Invalid value for the parameter {name}."))
}

fn number(given: &mut Attributes, rule: &Number) -> Result<i64, Refusal> {
    let Number(name, default, least, most) = *rule;
    let Some(text) = given.get_mut(name) else { return Ok(default) };
    let value: i64 = text.parse().map_err(|_| invalid(name))?;
    if !(least..=most).contains(&value) {
        return Err(invalid(name));
    }
    *text = value.to_string();
    Ok(value)
}

fn policy<T>(
    given: &mut Attributes,
    name: &str,
    read: impl FnOnce(&Value) -> Option<(T, Value)>,
) -> Result<Option<T>, Refusal> {
    let Some(text) = given.get_mut(name) else { return Ok(None) };
    if text.is_empty() {
        given.remove(name);
        return Ok(None);
    }
    let read = serde_json::from_str(text).ok().and_then(|json| read(&json));
    let (value, normal) = read.ok_or_else(|| {
        Refusal::parameter(name, &*text, "Redrive policy does not contain what is required of it.")
    })?;
    *text = normal.to_string();
    Ok(Some(value))
}

fn read_redrive(json: &Value) -> Option<(Redrive, Value)> {
    let arn = json.get("deadLetterTargetArn")?.as_str()?;
    let target = address::name_in_arn(arn)?.to_owned();
    // Templates give the number as a number, older clients as a string.
    let max_receives = match json.get("maxReceiveCount")? {
        Value::String(text) => text.parse().ok()?,
        number => number.as_i64()?,
    };
    if !(1..=1000).contains(&max_receives) {
        return None;
    }
    let normal = serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": max_receives});
    Some((Redrive { target, max_receives }, normal))
}

fn read_redrive_allow(json: &Value) -> Option<(RedriveAllow, Value)> {
    let sources = json.get("sourceQueueArns").and_then(Value::as_array);
    let allow = match json.get("redrivePermission")?.as_str()? {
        "allowAll" => RedriveAllow::All,
        "denyAll" => RedriveAllow::Nobody,
        "byQueue" => {
            let names = sources?.iter().map(|arn| address::name_in_arn(arn.as_str()?).map(str::to_owned));
            let names: Vec<_> = names.collect::<Option<_>>()?;
            if !(1..=10).contains(&names.len()) {
                return None;
            }
            RedriveAllow::Queues(names)
        }
        _ => return None,
    };
    Some((allow, json.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn numbers_outside_their_limits_are_refused() {
        for (name, value) in [
            ("VisibilityTimeout", "43201"),
            ("DelaySeconds", "901"),
            ("ReceiveMessageWaitTimeSeconds", "21"),
            ("MessageRetentionPeriod", "59"),
            ("MaximumMessageSize", "1048577"),
            ("DelaySeconds", "-1"),
            ("DelaySeconds", "soon"),
        ] {
            let refusal = Settings::read(given(&[(name, value)])).unwrap_err();
            assert_eq!(refusal.fault, Fault::InvalidAttributeValue, "{name}={value}");
        }
    }

    #[test]
    fn attributes_of_fifo_queues_are_unknown() {
        let refusal = Settings::read(given(&[("FifoQueue", "true")])).unwrap_err();
        assert_eq!(refusal.fault, Fault::InvalidAttributeName);
    }

    #[test]
    fn a_redrive_policy_is_the_same_with_a_number_and_with_a_string() {
        let arn = address::arn("dead");
        let [number, string] = ["3", "\"3\""].map(|count| {
            let text = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":{count}}}");
            Settings::read(given(&[(REDRIVE, &text)])).unwrap()
        });
        assert_eq!(number.redrive, Some(Redrive { target: "dead".to_owned(), max_receives: 3 }));
        assert_eq!(number.given(), string.given());
    }

    #[test]
    fn an_empty_redrive_policy_takes_it_away() {
        let text = format!("{{\"deadLetterTargetArn\":\"{}\",\"maxReceiveCount\":1}}", address::arn("dead"));
        let settings = Settings::read(given(&[(REDRIVE, &text)])).unwrap();
        let settings = settings.changed(given(&[(REDRIVE, "")])).unwrap();
        assert_eq!(settings.redrive, None);
        assert!(!settings.answered().contains_key(REDRIVE));
    }

    #[test]
    fn only_what_is_given_again_is_compared_and_defaults_count() {
        let queue = Settings::read(given(&[("DelaySeconds", "5")])).unwrap();
        let same = Settings::read(given(&[("VisibilityTimeout", "030")])).unwrap();
        assert_eq!(queue.difference(&same), None);
        let other = Settings::read(given(&[("DelaySeconds", "6")])).unwrap();
        assert_eq!(queue.difference(&other), Some("DelaySeconds"));
    }
}
