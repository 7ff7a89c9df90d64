//! What is handed to a provider, and what can become of it.

use std::fmt;
use std::time::Duration;

use domain::content::Rendered;
use domain::member::Address;
use domain::{FailureCode, MessageId, OrgId};
use serde::{Deserialize, Serialize};

use crate::Problem;

/// One message for one recipient, as it is to leave.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// Our id. It travels with the message, so that a report finds its row and an answer that was lost is resolved.
    pub message_id: MessageId,
    /// The organisation that sends; SES reports carry it.
    pub org_id: &'a OrgId,
    /// Where it goes.
    pub to: &'a Address,
    /// What it says.
    pub content: &'a Rendered,
    /// Where one click ends these mails (RFC 8058); mail only.
    pub unsubscribe_url: Option<&'a str>,
}

/// Whose limit a provider says was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// The sender's: its other messages must slow down too.
    Sender,
    /// That of this sender and this recipient; other recipients may be called.
    Recipient,
}

/// What became of one call. All that a caller must do about it follows from the variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took the message and will report on it.
    Accepted {
        /// The provider's id of the message.
        provider_message_id: String,
        /// How many SMS segments it counted, where it already knows.
        segments: Option<u32>,
    },
    /// Refused before processing, or the provider was not reached: nothing was sent, and the same message may be tried again.
    Retry {
        /// The wait that the provider asks for, if it asks for one.
        after: Option<Duration>,
        /// Whose limit was reached, if the refusal is about one: then this was no attempt that failed.
        limited: Option<Limited>,
        /// Why.
        problem: Problem,
    },
    /// The provider may have accepted it: never sent again by us. A report or a look-up resolves it.
    Unknown {
        /// Why nothing is known.
        problem: Problem,
    },
    /// Refused for good, for this recipient or this message.
    Refused {
        /// Why, in our words.
        code: FailureCode,
        /// Why, in the provider's.
        problem: Problem,
    },
    /// The provider holds an opt-out of the recipient; nothing was sent.
    OptedOut {
        /// In the provider's words.
        problem: Problem,
    },
    /// Refused because of the sender, so that every other message would be too; nothing was sent.
    SenderRefused {
        /// What is wrong with the sender.
        reason: SenderProblem,
        /// In the provider's words.
        problem: Problem,
    },
}

/// Why a provider takes nothing from a sender at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderProblem {
    /// The token or key is wrong, has expired, or may not do this.
    Credentials,
    /// The provider has suspended, blocked or locked the account.
    Suspended,
    /// The provider has paused the template because recipients disliked it; it goes on by itself.
    TemplatePaused,
    /// The sender is not set up: a number, a domain, a registration or a payment is missing.
    Configuration,
}

impl SenderProblem {
    /// The spelling in the database and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Suspended => "suspended",
            Self::TemplatePaused => "template_paused",
            Self::Configuration => "configuration",
        }
    }

    /// A sentence for the people of the organisation.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Credentials => "The provider does not accept the credentials of this channel",
            Self::Suspended => "The provider has suspended the account of this channel",
            Self::TemplatePaused => "WhatsApp has paused the template for a while",
            Self::Configuration => "The sender of this channel is not set up correctly at the provider",
        }
    }
}

impl fmt::Display for SenderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A provider, with the credentials of one sender.
///
/// An implementation makes one attempt per call and never retries by itself; it is cheap to call many times at once.
pub trait Sender: Send + Sync {
    /// Hands one message to the provider. Returns within [`Self::timeout`].
    ///
    /// Dropping the future after its first poll leaves the outcome unknown.
    fn send(&self, message: &Outgoing<'_>) -> impl Future<Output = Outcome> + Send;

    /// The longest that a call takes: no call may start later than the end of its claim less this.
    fn timeout(&self) -> Duration;
}
