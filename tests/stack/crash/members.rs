//! Who is written to: members whose addresses say how the simulated providers treat them.

use serde_json::{Value, json};

/// The sender of each channel in the demo organisation, as members write to it.
pub(crate) const SMS_SENDER: &str = "+64212419999";
pub(crate) const WHATSAPP_SENDER: &str = "106540352242922";

/// A member by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Member(pub(crate) usize);

/// What a provider does with a message to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is delivered.
    Ordinary,
    /// Refused in the answer.
    Refused,
    /// Accepted, then reported as failed.
    Fails,
    /// Accepted, never a report.
    Silent,
    /// Accepted, the answer lost.
    AnswerLost,
}

impl Ending {
    /// The four digits by which the simulators know it.
    fn digits(self) -> Option<&'static str> {
        match self {
            Self::Ordinary => None,
            Self::Refused => Some("0001"),
            Self::Fails => Some("0002"),
            Self::Silent => Some("0003"),
            Self::AnswerLost => Some("0005"),
        }
    }

    /// That of an address.
    pub(crate) fn of(address: &str) -> Self {
        let local = address.split('@').next().unwrap_or_default();
        let all = [Self::Refused, Self::Fails, Self::Silent, Self::AnswerLost];
        let ends = |ending: &Self| ending.digits().is_some_and(|digits| local.ends_with(digits));
        all.into_iter().find(ends).unwrap_or(Self::Ordinary)
    }
}

impl Member {
    pub(crate) fn id(self) -> String {
        format!("c{:04}", self.0)
    }

    /// What stands in every bulk message to this member and in no other.
    pub(crate) fn reference(self) -> String {
        format!("R{:04}", self.0)
    }

    /// The member whose messages carry this reference.
    pub(crate) fn of_reference(word: &str) -> Option<Self> {
        word.strip_prefix('R').filter(|digits| digits.len() == 4)?.parse().ok().map(Self)
    }

    pub(crate) fn ending(self) -> Ending {
        match (self.0 % 50, self.0 % 100) {
            (7, _) => Ending::Refused,
            (17, _) => Ending::Fails,
            (_, 27) => Ending::Silent,
            (37, _) => Ending::AnswerLost,
            _ => Ending::Ordinary,
        }
    }

    /// Every twentieth shares phone and mailbox with the one before.
    fn address_owner(self) -> Self {
        if self.0 % 20 == 19 { Self(self.0 - 1) } else { self }
    }

    pub(crate) fn phone(self) -> String {
        let owner = self.address_owner();
        match owner.ending().digits() {
            Some(digits) => format!("+64216{:02}{digits}", owner.0 / 50),
            None => format!("+6421{}", 5_001_000 + owner.0 * 10),
        }
    }

    pub(crate) fn email(self) -> String {
        let owner = self.address_owner();
        match owner.ending().digits() {
            Some(digits) => format!("c{}.{digits}@example.org", owner.0),
            None => format!("c{}.member@example.org", owner.0),
        }
    }

    /// The address on a channel.
    pub(crate) fn address(self, channel: &str) -> String {
        if channel == "email" { self.email() } else { self.phone() }
    }

    /// Whether this member is one of those who may opt out while the messages are on their way.
    pub(crate) fn may_opt_out(self) -> bool {
        self.0 % 10 == 3
    }

    /// As `POST /members/import` takes it.
    fn body(self) -> Value {
        json!({
            "id": self.id(), "first_names": "Ana", "primary_phone": self.phone(), "email": self.email(),
            "fields": { "ref": self.reference() },
        })
    }
}

/// Body of the import of the first `count` members.
pub(crate) fn import(count: usize) -> Value {
    json!({ "members": (0..count).map(|number| Member(number).body()).collect::<Vec<_>>() })
}
