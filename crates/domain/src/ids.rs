//! Typed ids. Parsing is the only way in, so a value of these types is always well formed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use ulid::Ulid;

use crate::Channel;
use crate::opt_out::AddressHash;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// Ids of the host application are 1 to 64 of `A-Za-z0-9_-`.
    #[error("must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -")]
    Characters,
    /// Our own ids carry a prefix that says what they name.
    #[error("must be an id that starts with `{0}`")]
    Prefix(&'static str),
    /// The part after the prefix is not what we hand out.
    #[error("is not a well-formed `{0}` id")]
    Malformed(&'static str),
}

fn external(text: &str) -> Result<String, IdError> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(text.to_owned()) } else { Err(IdError::Characters) }
}

macro_rules! text_conversions {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

macro_rules! external_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                external(text).map(Self)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        text_conversions!($name);
    };
}

external_id!(
    /// An organisation, as the token's `org_id` names it: 1 to 64 of `A-Za-z0-9_-`.
    OrgId
);
external_id!(
    /// A member of an organisation, named by the host application: 1 to 64 of `A-Za-z0-9_-`.
    MemberId
);
external_id!(
    /// A message template, named by the organisation: 1 to 64 of `A-Za-z0-9_-`.
    TemplateId
);

/// A bulk action: `ba_` and a ULID, so that ids sort by time of acceptance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BulkActionId(Ulid);

impl BulkActionId {
    const PREFIX: &'static str = "ba_";

    /// The id of the action that was accepted as `ulid`.
    pub fn new(ulid: Ulid) -> Self {
        Self(ulid)
    }

    /// The part that the ids of its messages share.
    pub fn ulid(self) -> Ulid {
        self.0
    }
}

impl FromStr for BulkActionId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let rest = text.strip_prefix(Self::PREFIX).ok_or(IdError::Prefix(Self::PREFIX))?;
        parse_ulid(rest).map(Self).ok_or(IdError::Malformed(Self::PREFIX))
    }
}
impl fmt::Display for BulkActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}
text_conversions!(BulkActionId);

/// One message to one recipient on one channel: `msg_{ULID of its send}-{chunk}-{slot}`.
///
/// The id *is* the row's place: a provider callback that carries it finds its row without an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId {
    /// The send that the message belongs to.
    pub send: Ulid,
    /// Which chunk of the send's rows, counted from 0.
    pub chunk: u32,
    /// Which row of the chunk, counted from 0.
    pub slot: u16,
}

impl MessageId {
    const PREFIX: &'static str = "msg_";
}

impl FromStr for MessageId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let rest = text.strip_prefix(Self::PREFIX).ok_or(IdError::Prefix(Self::PREFIX))?;
        let malformed = IdError::Malformed(Self::PREFIX);
        let mut parts = rest.split('-');
        let (Some(send), Some(chunk), Some(slot), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed);
        };
        match (parse_ulid(send), canonical(chunk), canonical(slot)) {
            (Some(send), Some(chunk), Some(slot)) => Ok(Self { send, chunk, slot }),
            _ => Err(malformed),
        }
    }
}
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}-{}-{}", Self::PREFIX, self.send, self.chunk, self.slot)
    }
}
text_conversions!(MessageId);

/// A conversation: the messages between the organisation and one address on one channel, `conv_{channel}_{hash of the address}`.
///
/// The id *is* the conversation's place, and says nothing about the address.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConversationId {
    /// The channel.
    pub channel: Channel,
    /// The other side's address, as the organisation knows it.
    pub address: AddressHash,
}

impl ConversationId {
    const PREFIX: &'static str = "conv_";
}

impl FromStr for ConversationId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let rest = text.strip_prefix(Self::PREFIX).ok_or(IdError::Prefix(Self::PREFIX))?;
        let parts = rest.split_once('_').and_then(|(channel, address)| {
            Some(Self { channel: channel.parse().ok()?, address: address.parse().ok()? })
        });
        parts.ok_or(IdError::Malformed(Self::PREFIX))
    }
}
impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}_{}", Self::PREFIX, self.channel, self.address)
    }
}
text_conversions!(ConversationId);

/// Only the spelling that we hand out: upper case, 26 characters, no look-alikes. One message has one id.
fn parse_ulid(text: &str) -> Option<Ulid> {
    let ulid = Ulid::from_string(text).ok()?;
    (ulid.to_string() == text).then_some(ulid)
}

fn canonical<T: FromStr + ToString>(text: &str) -> Option<T> {
    let number: T = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> MessageId {
        MessageId { send: Ulid::from_parts(1_764_000_000_000, 42), chunk: 7, slot: 99 }
    }

    #[test]
    fn a_message_id_survives_its_text() {
        assert_eq!(message().to_string().parse(), Ok(message()));
        assert!(message().to_string().len() <= 64);
    }

    #[test]
    fn the_id_of_one_kind_is_not_an_id_of_another() {
        let action = BulkActionId::new(message().send).to_string();
        assert_eq!(action.parse::<MessageId>(), Err(IdError::Prefix("msg_")));
        assert!(serde_json::from_value::<BulkActionId>(message().to_string().into()).is_err());
    }

    #[test]
    fn a_second_spelling_of_the_same_id_is_refused() {
        let text = message().to_string();
        for other in [
            text.to_lowercase(),
            text.replace("-7-", "-07-"),
            format!("{text}-1"),
            text.replace("-99", "-+99"),
        ] {
            assert!(other.parse::<MessageId>().is_err(), "{other}");
        }
    }

    #[test]
    fn a_conversation_id_survives_its_text() {
        let id = ConversationId { channel: Channel::WhatsApp, address: AddressHash::new([0xab; 16]) };
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        assert!(id.to_string().len() <= 64);
        for other in ["conv_fax_", "conv_sms", "conv_sms_AB", "conv_sms_"] {
            assert!(other.parse::<ConversationId>().is_err(), "{other}");
        }
    }

    #[test]
    fn ids_of_the_host_application_hold_no_key_separator() {
        for bad in ["", "a#b", "a b", "é", &"x".repeat(65)] {
            assert_eq!(bad.parse::<MemberId>(), Err(IdError::Characters));
        }
        assert!("m_1-A".parse::<MemberId>().is_ok());
    }
}
