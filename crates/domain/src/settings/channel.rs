//! A channel as an organisation has configured it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Mailbox, MailboxProblem, Rate};
use crate::phone::E164;
use crate::{Channel, Timestamp};

/// Shortest receipt window, in seconds.
pub const MIN_RECEIPT_WINDOW_S: u32 = 10;
/// Longest receipt window, in seconds: a week.
pub const MAX_RECEIPT_WINDOW_S: u32 = 604_800;
/// The receipt window of a channel that does not say, in seconds: a day.
pub const DEFAULT_RECEIPT_WINDOW_S: u32 = 86_400;

/// A configured channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSettings {
    /// Which.
    pub channel: Channel,
    /// Who sends, in the provider's terms; see [`check_sender`].
    pub sender: String,
    /// Segments (SMS) or messages that the sender takes per second.
    pub rate_per_second: Rate,
    /// Messages that the sender takes in any 24 hours.
    pub per_day: Option<u32>,
    /// Where answers to mails go; a mailbox.
    pub reply_to: Option<String>,
    /// Seconds after which an accepted message without a report is unconfirmed.
    pub receipt_window_s: u32,
    /// Who answers STOP, START and HELP.
    pub keyword_replies: KeywordReplies,
    /// The name of the provider's credentials among the organisation's secrets.
    pub secret_ref: Option<String>,
    /// Whether it sends.
    pub status: ChannelStatus,
    /// Why it is paused.
    pub status_reason: Option<String>,
    /// When it was paused or resumed; always known of a paused channel.
    pub status_at: Option<Timestamp>,
    /// Whether a person paused it: then only a person resumes it. A pause by a refusal of the provider ends when the
    /// provider accepts again.
    pub held: bool,
}

impl ChannelSettings {
    /// A new channel with the provider's usual rate (Twilio 1/s per number, WhatsApp 80/s, SES 14/s) and the defaults
    /// for everything else.
    pub fn new(channel: Channel, sender: String) -> Self {
        let (rate_per_second, keyword_replies) = match channel {
            Channel::Sms => (Rate::per_second(1), KeywordReplies::Provider),
            Channel::WhatsApp => (Rate::per_second(80), KeywordReplies::Tidings),
            Channel::Email => (Rate::per_second(14), KeywordReplies::Off),
        };
        Self {
            channel,
            sender,
            rate_per_second,
            per_day: None,
            reply_to: None,
            receipt_window_s: DEFAULT_RECEIPT_WINDOW_S,
            keyword_replies,
            secret_ref: None,
            status: ChannelStatus::Active,
            status_reason: None,
            status_at: None,
            held: false,
        }
    }

    /// Whether the provider cannot be called without credentials. SES goes by the function's own role.
    pub fn needs_secret(channel: Channel) -> bool {
        match channel {
            Channel::Sms | Channel::WhatsApp => true,
            Channel::Email => false,
        }
    }
}

/// Whether a channel sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelStatus {
    /// It sends.
    Active,
    /// It does not.
    Paused,
}

impl ChannelStatus {
    /// The names in the API and in the database.
    pub const NAMES: [(&'static str, Self); 2] = [("active", Self::Active), ("paused", Self::Paused)];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
        }
    }
}

/// Who answers STOP, START and HELP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeywordReplies {
    /// The provider, by itself.
    Provider,
    /// Tidings.
    Tidings,
    /// Nobody.
    Off,
}

impl KeywordReplies {
    /// The names in the API.
    pub const NAMES: [(&'static str, Self); 3] =
        [("provider", Self::Provider), ("tidings", Self::Tidings), ("off", Self::Off)];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Tidings => "tidings",
            Self::Off => "off",
        }
    }
}

/// Why a text cannot be a channel's sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SenderProblem {
    /// Twilio wants a number or a messaging service.
    #[error(
        "must be a phone number in E.164 (+ and 7 to 15 digits) or a messaging service (MG and 32 hexadecimal digits)"
    )]
    Sms,
    /// Meta wants the id of a phone number.
    #[error("must be the phone number id from Meta's settings: 5 to 32 digits, not the number itself")]
    WhatsApp,
    /// SES wants a mailbox.
    #[error(transparent)]
    Email(MailboxProblem),
}

/// Checks who sends: for SMS a number in E.164 or a messaging service of Twilio, for WhatsApp the id that Meta has given
/// to a phone number, for email a mailbox.
///
/// # Errors
/// What it has to be.
pub fn check_sender(channel: Channel, sender: &str) -> Result<(), SenderProblem> {
    match channel {
        Channel::Sms => {
            let service = sender.strip_prefix("MG");
            let is_service =
                service.is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
            if is_service || sender.parse::<E164>().is_ok() { Ok(()) } else { Err(SenderProblem::Sms) }
        }
        Channel::WhatsApp => {
            let is_id = (5..=32).contains(&sender.len()) && sender.bytes().all(|byte| byte.is_ascii_digit());
            if is_id { Ok(()) } else { Err(SenderProblem::WhatsApp) }
        }
        Channel::Email => sender.parse::<Mailbox>().map(drop).map_err(SenderProblem::Email),
    }
}
