//! Messages as the communication log shows them, and the failed items of an action.

use std::collections::BTreeMap;

use domain::{Attribution, BulkActionId, Channel, MemberId, MessageId, MessageStatus, SendSource, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// A message of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageView {
    /// Its id.
    pub id: MessageId,
    /// `outbound` or `inbound`.
    pub direction: &'static str,
    /// What made it; `None` for what a member wrote.
    pub source: Option<SendSource>,
    /// The bulk action that it belongs to or answers.
    pub bulk_action_id: Option<BulkActionId>,
    /// Its recipient, or who wrote it, as far as that is known.
    pub member_id: Option<MemberId>,
    /// Its channel.
    pub channel: Channel,
    /// Where it goes or came from, as far as there is a valid address.
    pub address: Option<String>,
    /// Where it is.
    pub status: MessageStatus,
    /// Why it failed or was skipped; `None` for all others.
    pub failure_code: Option<&'static str>,
    /// The same as a sentence.
    pub failure_message: Option<String>,
    /// Who carries it.
    pub provider: &'static str,
    /// The provider's id of it.
    pub provider_message_id: Option<String>,
    /// The provider's own code for what went wrong.
    pub provider_code: Option<String>,
    /// SMS segments, as the provider counted them.
    pub segments: Option<u32>,
    /// Calls to the provider that were made for it.
    pub attempts: u32,
    /// The message to the same address that covers this one.
    pub covered_by: Option<MessageId>,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// How that is known.
    pub attribution: Option<Attribution>,
    /// What came with it.
    pub media: Vec<Value>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When the provider is known to have had it.
    pub sent_at: Option<Timestamp>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// When it was read.
    pub read_at: Option<Timestamp>,
    /// What its recipient reads; `None` if nothing was ever written to them.
    pub text: Option<String>,
}

/// A message with all that happened to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageWithHistory {
    /// The message.
    #[serde(flatten)]
    pub message: MessageView,
    /// What happened, oldest first.
    pub history: Vec<HistoryView>,
}

/// One thing that happened to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryView {
    /// The status after it.
    pub status: MessageStatus,
    /// When.
    pub at: Timestamp,
    /// What more there is to say, for people.
    pub detail: Option<String>,
}

/// A failed or skipped message of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedItemView {
    /// The message.
    pub message_id: MessageId,
    /// Its recipient.
    pub member_id: Option<MemberId>,
    /// Its channel.
    pub channel: Channel,
    /// Where it would have gone.
    pub address: Option<String>,
    /// Why, for programs.
    pub code: &'static str,
    /// Why, for people.
    pub message: String,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A page of failed items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedItemList {
    /// The page.
    pub items: Vec<FailedItemView>,
    /// For the next page.
    pub next_cursor: Option<String>,
    /// How many there are in the whole action, by code.
    pub counts: BTreeMap<String, u64>,
}
