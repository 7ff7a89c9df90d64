//! Asking a provider what became of a message. Asking changes nothing and can only confirm: that nothing is found proves nothing.

use std::time::Duration;

use domain::Timestamp;
use domain::member::Address;
use domain::receipt::Report;

use crate::Problem;

/// A provider that can be asked about messages, with the credentials of one sender.
pub trait LookUp: Send + Sync {
    /// The longest that a question takes.
    const TIMEOUT: Duration;

    /// Asks about the message that the provider accepted as `provider_message_id`. Returns within [`Self::TIMEOUT`].
    fn by_id(&self, provider_message_id: &str) -> impl Future<Output = Asked<Known>> + Send;

    /// Asks which messages fit: all of them, or [`Asked::NotFound`] if there may be more than were shown. Returns within [`Self::TIMEOUT`].
    fn fitting(&self, sought: &Sought<'_>) -> impl Future<Output = Asked<Vec<Known>>> + Send;
}

/// What a message whose id is not known must be like.
#[derive(Clone, Copy)]
pub struct Sought<'a> {
    /// Where it went.
    pub to: &'a Address,
    /// What it said, to the letter.
    pub text: &'a str,
    /// When the call that it came from can have reached the provider, at the earliest.
    pub from: Timestamp,
    /// The same, at the latest.
    pub until: Timestamp,
}

/// A provider's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<T> {
    /// It knows this.
    Found(T),
    /// It knows nothing, or nothing for certain.
    NotFound,
    /// It tells this sender nothing, and asking again will not change that.
    Refused(Problem),
    /// It did not say; it may be asked again.
    Failed(Problem),
}

/// What a provider knows of a message that it accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The provider's id of it.
    pub provider_message_id: String,
    /// When the provider accepted it, by its own clock, in whole seconds.
    pub accepted_at: Option<Timestamp>,
    /// What became of it; `None` while it is on its way.
    pub report: Option<Report>,
    /// The provider's own code for what went wrong.
    pub provider_code: Option<String>,
    /// How many SMS segments it counted.
    pub segments: Option<u32>,
}
