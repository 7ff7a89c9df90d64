//! Rows of `message-logs`: one per recipient and channel. Rows are created with a condition and only ever climb.

mod call;
mod change;
mod item;
mod list;
mod query;
mod reaction;
mod record;
mod rewrite;

use std::collections::BTreeMap;

use domain::counts::Counts;
use domain::histogram::{Histogram, Tally};
use domain::member::Address;
use domain::variables::Variable;
use domain::{
    Attribution, BulkActionId, Channel, ConversationId, Inquiry, MemberId, MessageId, MessageStatus, OrgId,
    Reason, Timestamp, Unknown,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::targets::RowPlace;

pub use call::{Call, Calls, Verdict};
pub use change::{Change, Changed};
pub(crate) use item::to_item;
pub use list::TimelineSpan;
pub(crate) use list::{BY_CONVERSATION, BY_MEMBER, Place};
pub use reaction::Reaction;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whose it is.
    pub org_id: OrgId,
    /// Its id, which is its key.
    pub id: MessageId,
    /// What it came from.
    pub origin: Origin,
    /// Where it is.
    pub status: MessageStatus,
    /// Its channel.
    pub channel: Channel,
    /// Its recipient, or who wrote it; `None` if that is not known.
    pub member_id: Option<MemberId>,
    /// Where it goes or came from.
    pub address: Option<Address>,
    /// What the member's record said where no address could be read from it.
    pub unreadable: Option<String>,
    /// The conversation that it is a part of: of what was written in it, not of bulk sends.
    pub conversation: Option<ConversationId>,
    /// The recipient's values of the variables that the content uses.
    pub values: BTreeMap<Variable, String>,
    /// When the row was written.
    pub created_at: Timestamp,
    /// Which pass of its parcel it belongs to, from 1.
    pub pass: u32,
    /// In a retry, the place in the first send of the row that it sends again.
    pub again: Option<RowPlace>,
    /// Calls to the provider that were made for it.
    pub attempts: u32,
    /// What is known of them, and of those that were about to be made.
    pub calls: Calls,
    /// When the last call was made.
    pub tried_at: Option<Timestamp>,
    /// When it is tried again, after a refusal that may be retried.
    pub next_attempt_at: Option<Timestamp>,
    /// Why the outcome of the last call is not known.
    pub unknown: Option<Unknown>,
    /// The provider's id.
    pub provider_message_id: Option<String>,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// SMS segments, as the provider counted them.
    pub segments: Option<u32>,
    /// Why it failed or was skipped.
    pub reason: Option<Reason>,
    /// What the reason leaves open.
    pub detail: Option<String>,
    /// When the provider is known to have had it.
    pub sent_at: Option<Timestamp>,
    /// When it became unconfirmed.
    pub unconfirmed_at: Option<Timestamp>,
    /// What came of asking the provider about it, if its receipt window ended without a report.
    pub inquiry: Option<Inquiry>,
    /// When that was.
    pub asked_at: Option<Timestamp>,
    /// When it failed or was skipped.
    pub ended_at: Option<Timestamp>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// When it was read.
    pub read_at: Option<Timestamp>,
    /// When the reports of these three came, as far as they told the time themselves.
    pub came: Came,
    /// The message to the same address that covers this one.
    pub covered_by: Option<MessageId>,
    /// When a member first answered it.
    pub replied_at: Option<Timestamp>,
    /// When a recipient opted out because of it.
    pub opted_out_at: Option<Timestamp>,
    /// Whether it was emptied when its member was erased.
    pub erased: bool,
    /// What else happened, oldest first: at most 20.
    pub events: Vec<Event>,
}

/// When reports came to us that say when something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Came {
    /// Of the failure or the opt-out.
    pub ended_at: Option<Timestamp>,
    /// Of the delivery.
    pub delivered_at: Option<Timestamp>,
    /// Of its being read.
    pub read_at: Option<Timestamp>,
}

/// What a message came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A bulk action, whose id is in the message's.
    Bulk,
    /// A single send or a reply.
    Single,
    /// A member.
    Inbound(Box<Inbound>),
}

/// What a member wrote.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inbound {
    /// The text; empty where only other things came.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What came with it or instead of it, as the provider describes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Value>,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<MessageId>,
    /// The bulk action of that message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk_action_id: Option<BulkActionId>,
    /// How that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What people write is nobody else's affair.
        f.debug_struct("Inbound").field("in_reply_to", &self.in_reply_to).finish_non_exhaustive()
    }
}

/// Something that happened to a message without moving it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What, for people.
    pub what: String,
}

impl Row {
    /// A bulk row that waits for its slot, with nothing known of it yet.
    pub fn queued(
        org_id: OrgId,
        id: MessageId,
        member_id: MemberId,
        channel: Channel,
        created_at: Timestamp,
    ) -> Self {
        Self { member_id: Some(member_id), ..Self::to_nobody(org_id, id, channel, created_at) }
    }

    /// The same, without a recipient.
    pub fn to_nobody(org_id: OrgId, id: MessageId, channel: Channel, created_at: Timestamp) -> Self {
        Self {
            org_id,
            id,
            origin: Origin::Bulk,
            status: MessageStatus::Queued,
            channel,
            member_id: None,
            address: None,
            unreadable: None,
            conversation: None,
            values: BTreeMap::new(),
            created_at,
            pass: 1,
            again: None,
            attempts: 0,
            calls: Calls::default(),
            tried_at: None,
            next_attempt_at: None,
            unknown: None,
            provider_message_id: None,
            provider_code: None,
            segments: None,
            reason: None,
            detail: None,
            sent_at: None,
            unconfirmed_at: None,
            inquiry: None,
            asked_at: None,
            ended_at: None,
            delivered_at: None,
            read_at: None,
            came: Came::default(),
            covered_by: None,
            replied_at: None,
            opted_out_at: None,
            erased: false,
            events: Vec::new(),
        }
    }

    /// The address for people: what it is, or what was to be one.
    pub fn shown_address(&self) -> Option<&str> {
        self.address.as_ref().map(Address::as_str).or(self.unreadable.as_deref()).filter(|_| !self.erased)
    }

    /// What the row counts as.
    pub fn counts(&self) -> Counts {
        // What was skipped at the last moment, while its recipient was writing, was answered by nobody.
        let reached = self.status != MessageStatus::Skipped;
        Counts {
            replied: u64::from(reached && self.replied_at.is_some()),
            opted_out: u64::from(reached && self.opted_out_at.is_some()),
            ..Counts::of_row(self.status, self.sent_at.is_some())
        }
    }

    /// Adds what it counts as to a histogram, each part at the time at which it came to be.
    pub fn enter(&self, histogram: &mut Histogram) {
        let counts = self.counts();
        let none = Tally::default();
        for (at, tally) in [
            (self.sent_at, Tally { sent: counts.sent, ..none }),
            (self.delivered_at, Tally { delivered: counts.delivered, ..none }),
            (self.read_at, Tally { read: counts.read, ..none }),
            (self.ended_at, Tally { failed: counts.failed, ..none }),
        ] {
            histogram.add(at.unwrap_or(self.created_at), tally);
        }
    }

    /// When it left for a provider that is known to have it. Of a call whose answer was lost, a receipt that came later knows only that it had
    /// left by then.
    pub fn left_at(&self) -> Option<Timestamp> {
        let sent_at = self.sent_at?;
        let called_at = self.tried_at.filter(|_| self.unknown.is_some());
        Some(called_at.map_or(sent_at, |called_at| called_at.min(sent_at)))
    }

    /// When its receipt window ends, if it waits for a receipt. `window_s` in seconds.
    pub fn window_ends_at(&self, window_s: u32) -> Option<Timestamp> {
        let waits = matches!(self.status, MessageStatus::Sending | MessageStatus::Sent);
        let since = self.tried_at.or(self.sent_at).unwrap_or(self.created_at);
        waits.then(|| since + std::time::Duration::from_secs(u64::from(window_s)))
    }

    /// Sorts by time of creation and then id, as lists do.
    pub fn order(&self) -> (Timestamp, MessageId) {
        (self.created_at, self.id)
    }
}
