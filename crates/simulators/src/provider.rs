//! The three providers that are simulated.

use serde::{Deserialize, Serialize};

/// Whose twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    Twilio,
    WhatsApp,
    Ses,
}

impl Provider {
    pub(crate) const ALL: [Self; 3] = [Self::Twilio, Self::WhatsApp, Self::Ses];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::WhatsApp => "whatsapp",
            Self::Ses => "ses",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }
}
