//! The channels that a message can take, and how a send chooses among several.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A way to reach a member. Each has one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// WhatsApp Cloud API (Meta Graph).
    WhatsApp,
    /// Twilio Programmable Messaging.
    Sms,
    /// Amazon SES.
    Email,
}

/// The text names no channel.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be one of whatsapp, sms, email")]
pub struct UnknownChannel;

impl Channel {
    /// All channels, in the order in which lists show them.
    pub const ALL: [Self; 3] = [Self::WhatsApp, Self::Sms, Self::Email];

    /// The channel's name in the API, in keys and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WhatsApp => "whatsapp",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }

    /// The channel's name in a sentence.
    pub fn label(self) -> &'static str {
        match self {
            Self::WhatsApp => "WhatsApp",
            Self::Sms => "SMS",
            Self::Email => "email",
        }
    }

    /// The provider behind the channel, as the API names it.
    pub fn provider(self) -> &'static str {
        match self {
            Self::WhatsApp => "whatsapp",
            Self::Sms => "twilio",
            Self::Email => "ses",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Channel {
    type Err = UnknownChannel;
    fn from_str(text: &str) -> Result<Self, UnknownChannel> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or(UnknownChannel)
    }
}

/// How a send with several channels treats each member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// Each channel by itself: one row per member and channel.
    #[default]
    All,
    /// One row per member, on the first channel where the member is reachable and not opted out.
    FirstReachable,
}

/// Whether members who share an address get one message between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dedupe {
    /// Each member gets their own.
    #[default]
    None,
    /// One message per phone or email: the first reachable member's covers the others.
    Address,
}

/// What made a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendSource {
    /// A bulk action.
    BulkAction,
    /// A single send or a reply.
    Single,
}

impl SendSource {
    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BulkAction => "bulk_action",
            Self::Single => "single",
        }
    }
}

/// How it is known which message an answer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// The member quoted it.
    Quoted,
    /// It was the last that went to the address on that channel.
    Latest,
}
