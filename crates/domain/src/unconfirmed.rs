//! What is not known about a message, and how that is said to people: what it means, and what one can do.

use crate::Channel;
use crate::spelled::spelled;

spelled!(
    /// Why a call's outcome is not known.
    Unknown {
        /// The provider's answer never came.
        NoAnswer = "no_answer",
        /// The function stopped between the call and the record of its outcome.
        Stopped = "stopped",
    }
);

spelled!(
    /// What came of asking a provider about a message without a report. Asking can only confirm: that nothing is found proves nothing.
    Inquiry {
        /// It said what became of the message.
        Found = "found",
        /// It has the message, and does not know yet what becomes of it.
        OnItsWay = "on_its_way",
        /// It does not know the message (any more).
        NotKnown = "not_known",
        /// It has no message like it.
        NothingLikeIt = "nothing_like_it",
        /// It has a message like it, which may be another's.
        NotCertain = "not_certain",
        /// It tells us nothing, since it does not accept our credentials.
        Refused = "refused",
        /// It did not answer for as long as it was asked.
        NoAnswer = "no_answer",
        /// It was not asked: there is no way to it any more, or there was too much to ask.
        NotAsked = "not_asked",
    }
);

/// What is known of an unconfirmed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unconfirmed {
    /// Its channel.
    pub channel: Channel,
    /// Whether the provider is known to have had it.
    pub accepted: bool,
    /// If not, why not.
    pub unknown: Option<Unknown>,
    /// What came of asking.
    pub inquiry: Option<Inquiry>,
}

impl Unconfirmed {
    /// Sentences for the person who sent it.
    pub fn sentences(self) -> String {
        let case = if self.accepted { self.no_report().to_owned() } else { self.no_answer() };
        let asked = self.inquiry.and_then(asked).map(|text| format!(" {text}"));
        format!("{case}{} {}", asked.unwrap_or_default(), self.what_to_do())
    }

    fn no_report(self) -> &'static str {
        match self.channel {
            Channel::WhatsApp => {
                "WhatsApp has the message and did not report in time what became of it: mostly the phone has not been online since."
            }
            Channel::Sms => {
                "The SMS provider has the message and no report on it came in time: mostly the phone was off or its carrier sends no reports, and it may well have arrived."
            }
            Channel::Email => {
                "The email provider has the message and no report on it came in time: mostly the recipient's mail server has put it off, and it may well have arrived."
            }
        }
    }

    fn no_answer(self) -> String {
        let label = self.channel.label();
        let what = match self.unknown {
            Some(Unknown::Stopped) => {
                "Tidings was interrupted while it handed the message over, and no report on it came in time"
            }
            Some(Unknown::NoAnswer) | None => {
                "The answer to handing the message over never came, and no report on it came in time"
            }
        };
        format!("{what}, so whether the {label} provider took it is not known.")
    }

    fn what_to_do(self) -> &'static str {
        match (self.accepted, self.channel) {
            (true, Channel::WhatsApp) => {
                "It arrives by itself when the phone is online, and shows here then; if it is urgent, reach the person in another way."
            }
            (true, Channel::Sms | Channel::Email) => {
                "A late report still shows here; if it matters, ask the person, since a retry may reach them a second time."
            }
            (false, _) => {
                "A late report still shows here; a retry of what is unconfirmed makes sure, and may reach the person a second time."
            }
        }
    }
}

/// What came of asking, if that says more than is known already.
fn asked(inquiry: Inquiry) -> Option<&'static str> {
    match inquiry {
        Inquiry::Found => None,
        Inquiry::OnItsWay => Some("Asked about it, the provider said that it is still on its way."),
        Inquiry::NotKnown => Some("Asked about it, the provider did not know it (any more)."),
        Inquiry::NothingLikeIt => Some(
            "Asked about it, the provider knew of no such message, which does not prove that there is none.",
        ),
        Inquiry::NotCertain => Some(
            "Asked about it, the provider named a message that may as well be another one of the same text.",
        ),
        Inquiry::Refused => {
            Some("The provider could not be asked: it does not accept the channel's credentials.")
        }
        Inquiry::NoAnswer => Some("The provider was asked about it and did not answer."),
        Inquiry::NotAsked => Some("The provider could not be asked about it."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn every_case() -> impl Iterator<Item = Unconfirmed> {
        let unknown = [None, Some(Unknown::NoAnswer), Some(Unknown::Stopped)];
        let inquiry = || std::iter::once(None).chain(Inquiry::ALL.iter().copied().map(Some));
        Channel::ALL.into_iter().flat_map(move |channel| {
            unknown.into_iter().flat_map(move |unknown| {
                inquiry().flat_map(move |inquiry| {
                    [true, false].map(|accepted| Unconfirmed { channel, accepted, unknown, inquiry })
                })
            })
        })
    }

    #[test]
    fn every_case_is_told_in_whole_sentences_that_end_with_what_one_can_do() {
        for case in every_case() {
            let text = case.sentences();
            assert!(text.ends_with('.') && !text.contains("  ") && !text.contains(".."), "{text}");
            assert!(text.ends_with(case.what_to_do()), "{text}");
        }
    }

    #[test]
    fn the_channel_and_the_case_are_told_apart() {
        let of = |channel, accepted, unknown| Unconfirmed { channel, accepted, unknown, inquiry: None };
        let mut seen = BTreeSet::new();
        for channel in Channel::ALL {
            assert!(seen.insert(of(channel, true, None).sentences()));
            for unknown in Unknown::ALL {
                assert!(seen.insert(of(channel, false, Some(*unknown)).sentences()));
            }
        }
    }

    #[test]
    fn a_message_that_the_provider_has_is_never_said_to_be_with_nobody() {
        for case in every_case().filter(|case| case.accepted) {
            assert!(!case.sentences().contains("is not known."), "{case:?}");
        }
    }
}
