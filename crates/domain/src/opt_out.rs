//! Opt-outs: what a change does to what was known before, and the words by which people ask for one.
//!
//! An opt-out is about a *subject* (a member, or an address whoever has it) and a channel. Changes come late, twice and
//! out of order, so a [`State`] is built such that the order in which changes are applied does not matter:
//!
//! - a complaint and a hard bounce are kept apart and are never lifted;
//! - of everything else the change with the latest time counts, and at the same time the opt-out wins.

mod keyword;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Channel, MemberId, Timestamp};

pub use keyword::Keyword;

/// What an opt-out came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The host application, for one member and all their addresses.
    Api,
    /// A message such as STOP.
    Keyword,
    /// The unsubscribe link of a mail, or the one-click form of RFC 8058.
    Link,
    /// The provider says so: Twilio 21610, WhatsApp's marketing opt-out or 131050.
    Provider,
    /// A permanent bounce of a mail. Never lifted.
    Bounce,
    /// A complaint about a mail. Never lifted.
    Complaint,
}

impl Source {
    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Keyword => "keyword",
            Self::Link => "link",
            Self::Provider => "provider",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
        }
    }

    /// Whether nothing lifts it.
    pub fn is_lasting(self) -> bool {
        match self {
            Self::Bounce | Self::Complaint => true,
            Self::Api | Self::Keyword | Self::Link | Self::Provider => false,
        }
    }
}

/// Who may lift an opt-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifter {
    /// The host application.
    Api,
    /// A message such as START.
    Keyword,
    /// The provider says so: WhatsApp's marketing opt-in.
    Provider,
}

/// A change, with the time at which the webhook or the API got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// No more messages.
    Out {
        /// What it came from.
        source: Source,
        /// When it came.
        at: Timestamp,
    },
    /// Messages again.
    In {
        /// Who says so.
        by: Lifter,
        /// When it came.
        at: Timestamp,
    },
}

impl Change {
    /// Whether it opts out.
    pub fn is_out(self) -> bool {
        matches!(self, Self::Out { .. })
    }

    /// When it came.
    pub fn at(self) -> Timestamp {
        match self {
            Self::Out { at, .. } | Self::In { at, .. } => at,
        }
    }
}

/// An opt-out that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OptOut {
    /// When it came.
    pub at: Timestamp,
    /// What it came from.
    pub source: Source,
}

/// The latest of the changes that can be lifted. The order of the variants decides between changes of the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Last {
    In { at: Timestamp, by: Lifter },
    Out(OptOut),
}

impl Last {
    fn rank(self) -> (Timestamp, bool, u8) {
        match self {
            Self::In { at, by } => (at, false, by as u8),
            Self::Out(out) => (out.at, true, out.source as u8),
        }
    }
}

/// What is known of one subject and channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lasting: Option<OptOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Last>,
}

impl State {
    /// Takes a change in. Applying it again changes nothing, and neither does applying it before or after others.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Out { source, at } if source.is_lasting() => {
                self.lasting = self.lasting.max(Some(OptOut { at, source }));
            }
            Change::Out { source, at } => self.keep(Last::Out(OptOut { at, source })),
            Change::In { by, at } => self.keep(Last::In { at, by }),
        }
    }

    fn keep(&mut self, last: Last) {
        if self.last.is_none_or(|known| known.rank() < last.rank()) {
            self.last = Some(last);
        }
    }

    /// The opt-out that holds; of two, the newer.
    pub fn opt_out(&self) -> Option<OptOut> {
        let last = match self.last {
            Some(Last::Out(out)) => Some(out),
            Some(Last::In { .. }) | None => None,
        };
        last.max(self.lasting)
    }

    /// Whether nothing may be sent.
    pub fn is_out(&self) -> bool {
        self.opt_out().is_some()
    }

    /// When what can be lifted was last lifted, unless it has been set again since.
    pub fn lifted_at(&self) -> Option<Timestamp> {
        match self.last {
            Some(Last::In { at, .. }) => Some(at),
            Some(Last::Out(_)) | None => None,
        }
    }
}

/// What is known of one subject, by channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OptOuts(BTreeMap<Channel, State>);

impl OptOuts {
    /// Takes a change of `channel` in.
    pub fn apply(&mut self, channel: Channel, change: Change) {
        self.0.entry(channel).or_default().apply(change);
    }

    /// The opt-out of `channel` that holds.
    pub fn get(&self, channel: Channel) -> Option<OptOut> {
        self.0.get(&channel).and_then(State::opt_out)
    }

    /// Whether nothing may be sent on `channel`.
    pub fn is_out(&self, channel: Channel) -> bool {
        self.get(channel).is_some()
    }

    /// When what can be lifted of `channel` was last lifted, unless it has been set again since.
    pub fn lifted_at(&self, channel: Channel) -> Option<Timestamp> {
        self.0.get(&channel).and_then(State::lifted_at)
    }

    /// The channels on which nothing may be sent.
    pub fn channels(&self) -> BTreeSet<Channel> {
        self.iter().map(|(channel, _)| channel).collect()
    }

    /// The opt-outs that hold.
    pub fn iter(&self) -> impl Iterator<Item = (Channel, OptOut)> {
        self.0.iter().filter_map(|(channel, state)| Some((*channel, state.opt_out()?)))
    }

    /// Whether nothing is known at all, lifted opt-outs included.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An address as it appears in keys, logs and tokens: 32 hexadecimal digits of an HMAC, keyed per organisation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressHash(String);

/// The text is not a hash of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 32 lower-case hexadecimal digits")]
pub struct InvalidAddressHash;

impl AddressHash {
    /// Number of bytes that the text stands for.
    pub const BYTES: usize = 16;

    /// From the first 16 bytes of the HMAC.
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        use fmt::Write as _;
        Self(bytes.iter().fold(String::with_capacity(2 * Self::BYTES), |mut text, byte| {
            // Writing to a string cannot fail.
            let _infallible = write!(text, "{byte:02x}");
            text
        }))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes that the text stands for.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let digits = u128::from_str_radix(&self.0, 16).unwrap_or_default();
        digits.to_be_bytes()
    }
}

impl TryFrom<String> for AddressHash {
    type Error = InvalidAddressHash;
    fn try_from(text: String) -> Result<Self, InvalidAddressHash> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = text.len() == 2 * Self::BYTES && text.bytes().all(digit);
        if fits { Ok(Self(text)) } else { Err(InvalidAddressHash) }
    }
}

impl FromStr for AddressHash {
    type Err = InvalidAddressHash;
    fn from_str(text: &str) -> Result<Self, InvalidAddressHash> {
        Self::try_from(text.to_owned())
    }
}

impl From<AddressHash> for String {
    fn from(hash: AddressHash) -> Self {
        hash.0
    }
}

impl fmt::Display for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom or what an opt-out is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A member, whatever their addresses.
    Member(MemberId),
    /// An address, whoever has it.
    Address(AddressHash),
}

#[cfg(test)]
mod tests;
