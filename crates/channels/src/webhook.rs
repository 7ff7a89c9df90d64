//! What the providers' webhooks have in common.

use std::fmt;

use domain::Timestamp;
use thiserror::Error;

/// Why the body of a genuine call cannot be read. It names no value of the body, which may be an address or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WebhookError {
    /// The body is not in the format that the provider documents.
    #[error("the body is not what the provider documents")]
    Malformed,
    /// A field that the provider always sends is not there, or cannot be what it says.
    #[error("the field `{0}` is missing or not what it must be")]
    Missing(&'static str),
}

/// The provider's time of an event. A clock that runs ahead of ours does not put an event into the future.
pub(crate) fn event_time(given: Option<Timestamp>, received_at: Timestamp) -> Timestamp {
    given.map_or(received_at, |at| at.min(received_at))
}

/// Longest id of a provider that is believed to be one, in bytes. Twilio's and SES's have a fixed length below 100, and Meta's are not much longer; a key of
/// DynamoDB has room for 1,024.
const MAX_ID: usize = 512;
/// Longest word of a provider, such as a type or a code, in characters.
const MAX_WORD: usize = 64;

/// A provider's id, if the text can be one: what is longer, empty or holds white space or control characters was made up.
pub(crate) fn id(text: String) -> Option<String> {
    let fits =
        (1..=MAX_ID).contains(&text.len()) && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    fits.then_some(text)
}

/// A word of the provider, cut where it is none.
pub(crate) fn word(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_WORD) {
        text.truncate(end);
    }
    text
}

/// A personal text in a `Debug` output: whether there is one, never what it says.
pub(crate) struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_no_key_is_no_id() {
        for good in [
            "SMfedcba9876543210fedcba9876543210",
            "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI=",
            "a",
            &"x".repeat(512),
        ] {
            assert_eq!(id(good.to_owned()).as_deref(), Some(good));
        }
        for bad in ["", " ", "a b", "a\nb", "a\0", &"x".repeat(513), &"\u{1f600}".repeat(200)] {
            assert_eq!(id(bad.to_owned()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_word_is_cut_between_characters() {
        assert_eq!(word("image".into()), "image");
        assert_eq!(word("\u{1f600}".repeat(100)), "\u{1f600}".repeat(64));
    }
}
