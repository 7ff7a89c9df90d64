//! What the twins post to the system.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::inbound::Written;
use crate::ses::{EventReport, OneClick};
use crate::twilio::StatusReport as TwilioReport;
use crate::webhook::Attempt;
use crate::whatsapp::StatusReport as WhatsAppReport;

/// The most callbacks in one request.
pub(crate) const LARGEST_REQUEST: usize = 100;

/// One callback, as it is kept until it is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Callback {
    TwilioStatus(TwilioReport),
    WhatsAppStatus(WhatsAppReport),
    SesEvent(EventReport),
    /// A member writes by SMS or WhatsApp.
    Written(Written),
    /// A mail program posts to the one-click unsubscribe address.
    OneClick(OneClick),
}

/// Callbacks that wait for each other's connections. A receiver that hangs for one kind does not hold up the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    Twilio,
    WhatsApp,
    Ses,
    Members,
}

impl Lane {
    pub(crate) const ALL: [Self; 4] = [Self::Twilio, Self::WhatsApp, Self::Ses, Self::Members];
}

impl Callback {
    pub(crate) fn lane(&self) -> Lane {
        match self {
            Self::TwilioStatus(_) => Lane::Twilio,
            Self::WhatsAppStatus(_) => Lane::WhatsApp,
            Self::SesEvent(_) => Lane::Ses,
            Self::Written(_) | Self::OneClick(_) => Lane::Members,
        }
    }

    /// Only Meta puts several into one request.
    pub(crate) fn most_per_request(&self) -> usize {
        match self {
            Self::WhatsAppStatus(_) => LARGEST_REQUEST,
            Self::TwilioStatus(_) | Self::SesEvent(_) | Self::Written(_) | Self::OneClick(_) => 1,
        }
    }

    pub(crate) fn shares_request_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::WhatsAppStatus(one), Self::WhatsAppStatus(other)) => one.is_for_same_number_as(other),
            _ => false,
        }
    }

    /// How long after this failed attempt the next is made, or `None` if the provider gives up.
    ///
    /// `attempts` counts the failed one, `age` is since what is reported happened.
    pub(crate) fn retry_after(&self, attempt: &Attempt, attempts: u32, age: Duration) -> Option<Duration> {
        match self {
            Self::TwilioStatus(report) => report.retry_after(attempt, attempts),
            Self::WhatsAppStatus(_) => crate::whatsapp::retry_after(attempt, attempts, age),
            Self::SesEvent(_) => crate::sns::retry_after(attempt, attempts),
            Self::Written(written) => written.retry_after(attempt, attempts, age),
            Self::OneClick(_) => crate::ses::one_click_retry_after(attempt, attempts),
        }
    }
}
