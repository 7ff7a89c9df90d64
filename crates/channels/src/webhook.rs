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
    /// A field that the provider always sends is not there.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
}

/// The provider's time of an event. A clock that runs ahead of ours does not put an event into the future.
pub(crate) fn event_time(given: Option<Timestamp>, received_at: Timestamp) -> Timestamp {
    given.map_or(received_at, |at| at.min(received_at))
}

/// A personal text in a `Debug` output: whether there is one, never what it says.
pub(crate) struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}
