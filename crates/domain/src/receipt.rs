//! What a provider reports about a message, in our own words.

use serde::{Deserialize, Serialize};

use crate::{FailureCode, MessageId, MessageStatus, Timestamp};

/// One delivery receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Our own id, which the provider echoed.
    pub message_id: MessageId,
    /// The provider's id of the message.
    pub provider_message_id: Option<String>,
    /// What is reported.
    pub report: Report,
    /// When it happened: the provider's time if it gives one, else when we got the report.
    pub at: Timestamp,
    /// The provider's own code and text, kept beside ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_code: Option<String>,
}

/// What a receipt reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// On its way.
    Sent,
    /// It arrived.
    Delivered,
    /// It was opened.
    Read,
    /// It did not arrive, and the provider will not try again.
    Failed(FailureCode),
    /// The provider holds an opt-out of the recipient.
    OptedOut,
    /// Mail to the address came back for good, or its owner called it spam. The opt-out is recorded apart; on the row this is history only
    /// when it follows a delivery.
    Complained,
}

impl Report {
    /// The status that the report would move a message to; `None` if it never moves one.
    pub fn status(self) -> Option<MessageStatus> {
        match self {
            Self::Sent => Some(MessageStatus::Sent),
            Self::Delivered => Some(MessageStatus::Delivered),
            Self::Read => Some(MessageStatus::Read),
            Self::Failed(_) => Some(MessageStatus::Failed),
            Self::OptedOut => Some(MessageStatus::Skipped),
            Self::Complained => None,
        }
    }
}
