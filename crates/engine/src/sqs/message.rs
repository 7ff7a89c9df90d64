//! What may be sent, and how large it is.

use std::collections::BTreeMap;

use super::attributes::Settings;
use super::digest;
use super::protocol::{AttributeValue, Outgoing, Sent};
use super::refusal::{Fault, Refusal};

/// All messages of one batch together, in bytes, whatever the queue's own limit.
pub(super) const LARGEST_BATCH: usize = 1_048_576;

const MOST_ATTRIBUTES: usize = 10;
const LONGEST_GROUP: usize = 128;
const TRACE: &str = "AWSTraceHeader";

/// A message that may be stored.
pub(super) struct Accepted {
    pub(super) body: String,
    /// Empty if the sender named no group.
    pub(super) group: String,
    pub(super) delay_ms: i64,
    /// JSON; `None` without attributes.
    pub(super) attributes: Option<String>,
    pub(super) trace: Option<String>,
    md5_of_attributes: Option<String>,
    md5_of_system_attributes: Option<String>,
}

impl Accepted {
    /// The answer to the sender.
    pub(super) fn sent(self, id: Option<String>, message_id: String) -> Sent {
        Sent {
            id,
            message_id,
            md5_of_body: digest::of_body(&self.body),
            md5_of_attributes: self.md5_of_attributes,
            md5_of_system_attributes: self.md5_of_system_attributes,
        }
    }
}

/// The size that limits go by: the body with names, types and values of the attributes.
pub(super) fn size(message: &Outgoing) -> usize {
    let attribute =
        |(name, value): (&String, &AttributeValue)| name.len() + value.data_type.len() + value.bytes().len();
    let body = message.message_body.as_ref().map_or(0, String::len);
    body + message.message_attributes.iter().map(attribute).sum::<usize>()
}

/// Checks one message against the queue's settings.
///
/// # Errors
///
/// What the service refuses: too large, characters that XML cannot hold, delays over 900 s, odd attributes or groups.
pub(super) fn accept(message: Outgoing, settings: &Settings, in_batch: bool) -> Result<Accepted, Refusal> {
    let size = size(&message);
    let Outgoing { message_body, delay_seconds, message_attributes, message_system_attributes, .. } = message;
    let body = message_body.filter(|body| !body.is_empty()).ok_or_else(|| Refusal::missing("MessageBody"))?;
    if !body.chars().all(is_allowed) {
        return Err(Refusal::new(
            Fault::InvalidMessageContents,
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | \
             #xE000 to #xFFFD | #x10000 to #x10FFFF",
        ));
    }
    if size > settings.maximum_size {
        // The service words it differently in the two places.
        let verb = if in_batch { "cannot be validated" } else { "are invalid" };
        let message = format!(
            "One or more parameters {verb}. Reason: Message must be shorter than {} bytes.",
            settings.maximum_size
        );
        return Err(Refusal::new(Fault::InvalidParameterValue, message));
    }
    if message.message_deduplication_id.is_some() {
        let reason = "The request includes a parameter that is not valid for this queue type.";
        return Err(Refusal::parameter("MessageDeduplicationId", "", reason));
    }
    check_attributes(&message_attributes)?;
    let trace = read_trace(&message_system_attributes)?;
    let attributes = (!message_attributes.is_empty())
        .then(|| serde_json::to_string(&message_attributes))
        .transpose()
        .map_err(|_| Refusal::new(Fault::Internal, "The message's attributes cannot be kept."))?;
    Ok(Accepted {
        body,
        group: read_group(message.message_group_id)?,
        delay_ms: read_delay(delay_seconds)?.unwrap_or(settings.delay_ms),
        attributes,
        trace,
        md5_of_attributes: digest::of_attributes(&message_attributes),
        md5_of_system_attributes: digest::of_attributes(&message_system_attributes),
    })
}

/// The characters of XML 1.0, which the service keeps to although it speaks JSON.
fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        _ => character >= ' ' && !matches!(character, '\u{fffe}' | '\u{ffff}'),
    }
}

fn read_delay(seconds: Option<i64>) -> Result<Option<i64>, Refusal> {
    match seconds {
        None => Ok(None),
        Some(seconds @ 0..=900) => Ok(Some(seconds * 1000)),
        Some(seconds) => {
            Err(Refusal::parameter("DelaySeconds", seconds, "DelaySeconds must be >= 0 and <= 900."))
        }
    }
}

fn read_group(group: Option<String>) -> Result<String, Refusal> {
    let Some(group) = group else { return Ok(String::new()) };
    let fits =
        (1..=LONGEST_GROUP).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(group);
    }
    let reason =
        "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.";
    Err(Refusal::parameter("MessageGroupId", group, reason))
}

fn read_trace(attributes: &BTreeMap<String, AttributeValue>) -> Result<Option<String>, Refusal> {
    if let Some(name) = attributes.keys().find(|name| name.as_str() != TRACE) {
        let message = format!("Message system attribute name '{name}' is invalid.");
        return Err(Refusal::new(Fault::InvalidParameterValue, message));
    }
    Ok(attributes.get(TRACE).and_then(|value| value.string_value.clone()))
}

fn check_attributes(attributes: &BTreeMap<String, AttributeValue>) -> Result<(), Refusal> {
    let refused = |message: String| Err(Refusal::new(Fault::InvalidParameterValue, message));
    if attributes.len() > MOST_ATTRIBUTES {
        return refused(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            attributes.len()
        ));
    }
    for (name, value) in attributes {
        let named = (1..=256).contains(&name.len())
            && name.bytes().all(is_attribute_byte)
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..")
            && !["aws.", "amazon."].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
        if !named {
            return refused(format!("Message (user) attribute name '{name}' is invalid."));
        }
        let kind = value.data_type.split('.').next().unwrap_or_default();
        if !["String", "Number", "Binary"].contains(&kind) {
            return refused(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type \
                 prefixes is Binary, Number, and String."
            ));
        }
        let right_member = value.is_binary() == value.binary_value.is_some();
        if !right_member || value.bytes().is_empty() {
            return refused(format!(
                "Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
            ));
        }
    }
    Ok(())
}

fn is_attribute_byte(byte: u8) -> bool {
    super::address::is_name_byte(byte) || byte == b'.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_cannot_hold_are_refused_and_emoji_are_not() {
        for bad in ['\u{0}', '\u{8}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            assert!(!is_allowed(bad), "{bad:?}");
        }
        for good in ['\t', '\n', '\r', ' ', 'é', '\u{d7ff}', '\u{e000}', '\u{fffd}', '😀', '\u{10ffff}'] {
            assert!(is_allowed(good), "{good:?}");
        }
    }

    #[test]
    fn a_group_is_one_to_128_visible_characters() {
        assert_eq!(read_group(Some("org_1".to_owned())).unwrap(), "org_1");
        for bad in [String::new(), "a b".to_owned(), "a".repeat(129)] {
            assert!(read_group(Some(bad)).is_err());
        }
    }
}
