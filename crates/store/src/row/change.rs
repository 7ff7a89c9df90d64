//! How rows change: they only climb.

#[cfg(test)]
mod tests;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::receipt::Report;
use domain::{Channel, Inquiry, MessageStatus, Reason, SkipCode, Timestamp, Unknown};

use super::{Calls, Row};
use crate::item::{n, s, time};

/// Something that became known about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The provider accepted it.
    Accepted {
        /// The provider's id.
        provider_message_id: String,
        /// SMS segments.
        segments: Option<u32>,
        /// Calls made so far, this one included.
        attempts: u32,
        /// When the call was made.
        tried_at: Timestamp,
        /// When the answer came.
        at: Timestamp,
        /// All calls, this one included.
        calls: Calls,
    },
    /// Whether the provider accepted it is not known.
    Unknown {
        /// Why not.
        why: Unknown,
        /// Calls made so far, this one included.
        attempts: u32,
        /// When the call was made or may have been made.
        tried_at: Timestamp,
        /// All calls, this one included.
        calls: Calls,
    },
    /// The provider refused it before processing; it belongs to the next pass.
    TryAgain {
        /// The next pass.
        pass: u32,
        /// Calls made so far, this one included.
        attempts: u32,
        /// When the call was made.
        tried_at: Timestamp,
        /// When it is tried again.
        next_attempt_at: Timestamp,
        /// The provider's own code.
        provider_code: Option<String>,
        /// All calls, this one included.
        calls: Calls,
    },
    /// It failed or is skipped.
    Ended {
        /// Why.
        reason: Reason,
        /// What the reason leaves open.
        detail: Option<String>,
        /// The provider's own code.
        provider_code: Option<String>,
        /// Calls made so far.
        attempts: u32,
        /// When.
        at: Timestamp,
        /// All calls; none leaves what the row knows of them.
        calls: Calls,
    },
    /// No report came in time.
    Unconfirmed {
        /// When.
        at: Timestamp,
        /// What came of asking the provider, if it can be asked.
        inquiry: Option<Inquiry>,
    },
    /// The provider was asked about it, and has it.
    Found {
        /// The provider's id.
        provider_message_id: String,
        /// SMS segments.
        segments: Option<u32>,
        /// When the provider accepted it, by its own clock.
        accepted_at: Timestamp,
        /// What became of it; `None` while it is on its way.
        report: Option<Report>,
        /// The provider's own code.
        provider_code: Option<String>,
        /// When it was asked.
        at: Timestamp,
    },
    /// A provider's receipt.
    Receipt {
        /// The channel whose provider reports; a row of another channel is left as it is.
        channel: Channel,
        /// What it reports.
        report: Report,
        /// The provider's id.
        provider_message_id: Option<String>,
        /// The provider's own code.
        provider_code: Option<String>,
        /// When it happened.
        at: Timestamp,
        /// When the report came, if it says itself when it happened.
        came_at: Option<Timestamp>,
    },
}

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The row moved.
    Yes,
    /// The row was there or beyond already; the row as it is.
    AlreadyPast(Box<Row>),
    /// There is no such row.
    Missing,
}

/// What every row in `sent` has: receipts fill it in where it is missing.
pub(super) const FILLED: [&str; 2] = ["sent_at", "provider_message_id"];

/// Attribute values to set; the flag says that a value that is there is kept.
pub(super) type Sets = Vec<(&'static str, AttributeValue, bool)>;

impl Change {
    /// The status that the row is in afterwards; `None` if the change moves none.
    pub(super) fn to(&self) -> Option<MessageStatus> {
        match self {
            Self::Accepted { .. } => Some(MessageStatus::Sent),
            Self::Unknown { .. } => Some(MessageStatus::Sending),
            Self::TryAgain { .. } => Some(MessageStatus::Queued),
            Self::Ended { reason: Reason::Failed(_), .. } => Some(MessageStatus::Failed),
            Self::Ended { reason: Reason::Skipped(_), .. } => Some(MessageStatus::Skipped),
            Self::Unconfirmed { .. } => Some(MessageStatus::Unconfirmed),
            Self::Found { report, .. } => report.map_or(Some(MessageStatus::Sent), Report::status),
            Self::Receipt { report, .. } => report.status(),
        }
    }

    /// The statuses in which the row may be.
    pub(super) fn from(&self) -> Vec<MessageStatus> {
        match (self, self.to()) {
            // A failure of ours that comes to light after the provider accepted is none.
            (Self::Ended { .. }, _) => vec![MessageStatus::Queued, MessageStatus::Sending],
            (_, Some(MessageStatus::Queued)) => vec![MessageStatus::Queued],
            (_, Some(to)) => to.reachable_from().collect(),
            (_, None) => Vec::new(),
        }
    }

    /// Whether it says that the message arrived.
    pub(super) fn delivers(&self) -> bool {
        match self {
            Self::Receipt { report, .. } | Self::Found { report: Some(report), .. } => {
                matches!(report, Report::Delivered | Report::Read)
            }
            Self::Found { report: None, .. }
            | Self::Accepted { .. }
            | Self::Unknown { .. }
            | Self::TryAgain { .. }
            | Self::Ended { .. }
            | Self::Unconfirmed { .. } => false,
        }
    }

    pub(super) fn sets(&self) -> Sets {
        let mut sets: Sets = Vec::new();
        if let Some(to) = self.to() {
            sets.push(("status", s(to.as_str()), false));
        }
        match self {
            Self::Accepted { provider_message_id, segments, attempts, tried_at, at, calls } => {
                sets.push(("provider_message_id", s(provider_message_id), false));
                sets.extend(segments.map(|segments| ("segments", n(segments), false)));
                sets.push(("attempts", n(attempts), false));
                sets.push(("tried_at", time(*tried_at), false));
                sets.push(("sent_at", time(*at), false));
                sets.extend(called(calls));
            }
            Self::Unknown { why, attempts, tried_at, calls } => {
                sets.push(("unknown", s(why.as_str()), false));
                sets.push(("attempts", n(attempts), false));
                sets.push(("tried_at", time(*tried_at), false));
                sets.extend(called(calls));
            }
            Self::TryAgain { pass, attempts, tried_at, next_attempt_at, provider_code, calls } => {
                sets.push(("pass", n(pass), false));
                sets.push(("attempts", n(attempts), false));
                sets.push(("tried_at", time(*tried_at), false));
                sets.push(("next_attempt_at", time(*next_attempt_at), false));
                sets.extend(provider_code.as_ref().map(|code| ("provider_code", s(code), false)));
                sets.extend(called(calls));
            }
            Self::Ended { reason, detail, provider_code, attempts, at, calls } => {
                sets.push(("reason", s(reason.as_str()), false));
                sets.extend(detail.as_ref().map(|detail| ("detail", s(detail), false)));
                sets.extend(provider_code.as_ref().map(|code| ("provider_code", s(code), false)));
                sets.push(("attempts", n(attempts), false));
                sets.push(("ended_at", time(*at), false));
                sets.extend(called(calls));
            }
            Self::Unconfirmed { at, inquiry } => {
                sets.push(("unconfirmed_at", time(*at), false));
                sets.extend(inquiry.iter().flat_map(|inquiry| inquired(*inquiry, *at)));
            }
            Self::Found { provider_message_id, segments, accepted_at, report, provider_code, at } => {
                sets.push(("provider_message_id", s(provider_message_id), true));
                sets.extend(segments.map(|segments| ("segments", n(segments), true)));
                sets.push(("sent_at", time(*accepted_at), true));
                sets.extend(provider_code.as_ref().map(|code| ("provider_code", s(code), false)));
                sets.extend(report.iter().flat_map(|report| receipt_sets(*report, *at, None)));
                sets.extend(inquired(Inquiry::Found, *at));
            }
            Self::Receipt { report, provider_message_id, provider_code, at, came_at, .. } => {
                sets.push(("sent_at", time(*at), true));
                sets.extend(provider_message_id.as_ref().map(|id| ("provider_message_id", s(id), true)));
                sets.extend(provider_code.as_ref().map(|code| ("provider_code", s(code), false)));
                sets.extend(receipt_sets(*report, *at, *came_at));
            }
        }
        sets
    }
}

fn inquired(inquiry: Inquiry, at: Timestamp) -> Sets {
    vec![("inquiry", s(inquiry.as_str()), false), ("asked_at", time(at), false)]
}

fn called(calls: &Calls) -> Option<(&'static str, AttributeValue, bool)> {
    (!calls.is_empty()).then(|| ("calls", s(calls.to_text()), false))
}

fn receipt_sets(report: Report, at: Timestamp, came_at: Option<Timestamp>) -> Sets {
    let lag = came_at.map(|came| n(came.millis() - at.millis()));
    let mut sets = Vec::new();
    let mut happened = |what, lag_of, keep| {
        sets.push((what, time(at), keep));
        sets.extend(lag.clone().map(|lag| (lag_of, lag, keep)));
    };
    match report {
        Report::Sent | Report::Complained => {}
        Report::Delivered => happened("delivered_at", "delivered_in", true),
        Report::Read => {
            happened("delivered_at", "delivered_in", true);
            happened("read_at", "read_in", true);
        }
        Report::Failed(code) => {
            happened("ended_at", "ended_in", false);
            sets.push(("reason", s(code.as_str()), false));
        }
        Report::OptedOut => {
            happened("ended_at", "ended_in", false);
            sets.push(("reason", s(SkipCode::OptedOut.as_str()), false));
        }
    }
    sets
}
