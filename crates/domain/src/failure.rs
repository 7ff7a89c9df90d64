//! Why a message failed or was skipped: the codes of the contract and the sentences that people read.

use serde::{Deserialize, Serialize};

use crate::Channel;
use crate::spelled::spelled;

spelled!(
    /// Why a message failed.
    FailureCode {
        /// The member has no phone number.
        NoPhone = "no_phone",
        /// The member's phone number is not a number that can exist, or the provider says so.
        InvalidPhone = "invalid_phone",
        /// The member has no email address.
        NoEmail = "no_email",
        /// The member's email address is not one, or the provider says so.
        InvalidEmail = "invalid_email",
        /// The member does not exist (any more).
        MemberNotFound = "member_not_found",
        /// A variable has neither a value nor a default; the detail names it.
        MissingVariable = "missing_variable",
        /// The organisation has no such channel (any more).
        ChannelNotConfigured = "channel_not_configured",
        /// The provider does not accept the template.
        TemplateRejected = "template_rejected",
        /// Free text on WhatsApp more than 24 hours after the member wrote.
        OutsideReplyWindow = "outside_reply_window",
        /// The address cannot be reached at the moment or at all.
        Undeliverable = "undeliverable",
        /// A carrier or provider filter refused the message.
        CarrierBlocked = "carrier_blocked",
        /// The mail came back.
        Bounced = "bounced",
        /// The provider refused the message or the request, or would: with this recipient's values it is too long, and the detail says what
        /// it may have.
        ProviderRejected = "provider_rejected",
        /// The provider could not be reached.
        ProviderUnavailable = "provider_unavailable",
        /// It was not handed to a provider in time.
        Expired = "expired",
        /// A fault of ours.
        InternalError = "internal_error",
    }
);

spelled!(
    /// Why a message was deliberately not sent.
    SkipCode {
        /// The member or the address has opted out of the channel.
        OptedOut = "opted_out",
        /// Another member's message to the same address covers this one.
        Covered = "covered",
    }
);

/// Why a row has no success: a failure or a deliberate skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reason {
    /// It failed.
    Failed(FailureCode),
    /// It was skipped.
    Skipped(SkipCode),
}

impl Reason {
    /// The code's spelling in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed(code) => code.as_str(),
            Self::Skipped(code) => code.as_str(),
        }
    }

    /// The reason that is spelled `text`.
    pub fn from_code(text: &str) -> Option<Self> {
        FailureCode::from_name(text)
            .map(Self::Failed)
            .or_else(|| SkipCode::from_name(text).map(Self::Skipped))
    }

    /// A sentence for the person who sent the message. `detail` is what the code leaves open: the variable's name, say.
    pub fn sentence(self, channel: Channel, detail: Option<&str>) -> String {
        match self {
            Self::Skipped(SkipCode::OptedOut) => format!("Opted out of {}", channel.label()),
            Self::Skipped(SkipCode::Covered) => "Covered by a message to the same address".into(),
            Self::Failed(code) => failure_sentence(code, channel, detail),
        }
    }
}

fn failure_sentence(code: FailureCode, channel: Channel, detail: Option<&str>) -> String {
    let label = channel.label();
    match code {
        FailureCode::NoPhone => "The member has no phone number".into(),
        FailureCode::InvalidPhone => "The phone number is not valid".into(),
        FailureCode::NoEmail => "The member has no email address".into(),
        FailureCode::InvalidEmail => "The email address is not valid".into(),
        FailureCode::MemberNotFound => "The member no longer exists".into(),
        FailureCode::MissingVariable => match detail {
            Some(name) => format!("The member has no value for {name}, and the message gives no default"),
            None => "The member has no value for a variable of the message".into(),
        },
        FailureCode::ChannelNotConfigured => format!("The organisation has not set up {label}"),
        FailureCode::TemplateRejected => "The provider does not accept the template".into(),
        FailureCode::OutsideReplyWindow => {
            "WhatsApp allows free text only within 24 hours after the member wrote; use a template".into()
        }
        FailureCode::Undeliverable => match channel {
            Channel::WhatsApp => "The number cannot be reached on WhatsApp".into(),
            Channel::Sms => "The phone cannot be reached".into(),
            Channel::Email => "The mail could not be delivered".into(),
        },
        FailureCode::CarrierBlocked => "The carrier or the provider blocked the message".into(),
        FailureCode::Bounced => "The mail came back: the mailbox does not exist or refuses it".into(),
        FailureCode::ProviderRejected => match detail {
            Some(most) => format!(
                "With this member's values the message would have more than {most}, the most that {label} takes; it was not sent"
            ),
            None => format!("The {label} provider refused the message"),
        },
        FailureCode::ProviderUnavailable => format!("The {label} provider could not be reached"),
        FailureCode::Expired => "It could not be sent while it was still useful".into(),
        FailureCode::InternalError => "An error in Tidings stopped it; it was not sent".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_names_the_channel_that_was_opted_out_of() {
        let reason = Reason::Skipped(SkipCode::OptedOut);
        assert_eq!(reason.sentence(Channel::Sms, None), "Opted out of SMS");
        assert_eq!(reason.sentence(Channel::Email, None), "Opted out of email");
    }

    #[test]
    fn every_code_is_read_back_from_its_spelling() {
        for code in FailureCode::ALL {
            assert_eq!(Reason::from_code(code.as_str()), Some(Reason::Failed(*code)));
        }
        for code in SkipCode::ALL {
            assert_eq!(Reason::from_code(code.as_str()), Some(Reason::Skipped(*code)));
        }
        assert_eq!(Reason::from_code("nonsense"), None);
    }
}
