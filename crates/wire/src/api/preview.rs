//! What a send would come to.

use std::collections::BTreeMap;

use domain::segments::Encoding;
use domain::{Channel, MemberId, Timestamp};
use serde::Serialize;

/// A send as it would go if it were accepted now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreviewView {
    /// Rows that it would have.
    pub total: u64,
    /// Rows that would be handed to a provider.
    pub reachable: u64,
    /// The others.
    pub unreachable: UnreachableView,
    /// The first 200 of the others, in the order of the targets.
    pub flagged: Vec<FlaggedView>,
    /// What each channel would carry.
    pub by_channel: Vec<ChannelPreview>,
    /// How it reads for up to three recipients.
    pub samples: Vec<SampleView>,
    /// Targets that were named more than once.
    pub duplicates_removed: u32,
    /// When the last message would have left.
    pub estimated_completion: Option<Timestamp>,
    /// Days over which it would be spread.
    pub spans_days: Option<u32>,
}

/// Rows that would not be handed to a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UnreachableView {
    /// How many.
    pub count: u64,
    /// How many for which reason.
    pub by_code: BTreeMap<&'static str, u64>,
}

/// A recipient who would not be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlaggedView {
    /// Who.
    pub member_id: MemberId,
    /// On which channel.
    pub channel: Channel,
    /// Why, for programs.
    pub code: &'static str,
    /// Why, for people.
    pub message: String,
}

/// What a channel would carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelPreview {
    /// Which.
    pub channel: Channel,
    /// Rows that would be handed to its provider.
    pub reachable: u64,
    /// SMS segments of all of them.
    pub segments: Option<u64>,
    /// The encoding; UCS-2 as soon as one recipient's message needs it.
    pub encoding: Option<Encoding>,
}

/// How a message reads for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SampleView {
    /// Who.
    pub member_id: MemberId,
    /// On which channel.
    pub channel: Channel,
    /// The subject of a mail.
    pub subject: Option<String>,
    /// The text.
    pub body: String,
}
