//! Rates, exact to a thousandth.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many segments or messages a sender takes per second: 0.01 to 10,000, in thousandths. In JSON a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(u32);

/// The number is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be between 0.01 and 10000 per second")]
pub struct RateOutOfRange;

impl Rate {
    /// So many per second; at least one and at most 10,000.
    pub const fn per_second(whole: u16) -> Self {
        let whole = if whole == 0 { 1 } else { whole };
        Self(if whole > 10_000 { 10_000_000 } else { whole as u32 * 1_000 })
    }

    /// So many per 1,000 seconds, if that is a rate.
    pub const fn of_thousandths(thousandths: u32) -> Option<Self> {
        if thousandths < 10 || thousandths > 10_000_000 { None } else { Some(Self(thousandths)) }
    }

    /// Per 1,000 seconds: 10 to 10,000,000, never zero.
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = RateOutOfRange;
    fn try_from(number: f64) -> Result<Self, RateOutOfRange> {
        if !(0.01..=10_000.0).contains(&number) {
            return Err(RateOutOfRange);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 10 and 10,000,000 after the check"
        )]
        let thousandths = (number * 1_000.0).round() as u32;
        Ok(Self(thousandths))
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        Self::from(rate.0) / 1_000.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(*self))
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}/s")
    }
}
