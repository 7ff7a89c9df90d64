//! What a sender was used for in the last 24 hours, by the quarter of an hour.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Timestamp;

/// The grain by which messages are counted.
pub const QUARTER: Duration = Duration::from_mins(15);
/// Quarters before the present one in which a call may be less than 24 hours old.
const QUARTERS: u64 = 96;

/// How many messages were given a slot, by the quarter in which the slot begins. The present quarter and those that a window of 24 hours
/// which ends in it touches; so what leaves the window does so up to a quarter late, never early.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Day {
    /// The present quarter, counted from 1970.
    pub quarter: u64,
    /// Messages in it.
    pub used: u32,
    /// Messages in the quarters before.
    pub before: BTreeMap<u64, u32>,
}

impl Day {
    /// The quarter that holds `at`.
    pub fn quarter_of(at: Timestamp) -> u64 {
        u64::try_from(at.millis()).unwrap_or(0) / millis(QUARTER)
    }

    /// When a quarter begins.
    pub fn begin(quarter: u64) -> Timestamp {
        Timestamp::from_millis(i64::try_from(quarter.saturating_mul(millis(QUARTER))).unwrap_or(i64::MAX))
    }

    /// The same day, looked at in a later quarter.
    #[must_use]
    pub fn turned_to(&self, quarter: u64) -> Self {
        let mut before = self.before.clone();
        if self.used > 0 {
            *before.entry(self.quarter).or_default() += self.used;
        }
        before.retain(|at, _| !Self::has_left(*at, quarter));
        Self { quarter, used: 0, before }
    }

    /// Messages that may still be given a slot in the present quarter under a limit of so many in any 24 hours.
    pub fn room(&self, per_day: Option<u32>) -> u32 {
        let before = self.before.values().fold(0_u32, |sum, used| sum.saturating_add(*used));
        per_day.map_or(u32::MAX, |limit| limit.saturating_sub(before).saturating_sub(self.used))
    }

    /// When there may be room again for a sender that has none: when the oldest quarter with messages has left the window.
    pub fn frees_at(&self) -> Timestamp {
        let oldest = self.before.keys().next().copied().unwrap_or(self.quarter);
        Self::leaves_at(oldest)
    }

    /// When messages of `quarter` do not count any more.
    pub fn leaves_at(quarter: u64) -> Timestamp {
        Self::begin(quarter + QUARTERS + 1)
    }

    /// Whether messages of `quarter` do not count any more in the quarter `now`.
    pub fn has_left(quarter: u64, now: u64) -> bool {
        quarter + QUARTERS < now
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    proptest! {
        #[test]
        fn no_24_hours_hold_more_than_the_limit(
            limit in 1_u32..200,
            steps in proptest::collection::vec((0_i64..4_000_000, 0_u32..100), 1..300),
        ) {
            let (mut now, mut day, mut calls) = (Timestamp::from_secs(1_000_000), Day::default(), Vec::new());
            for (wait_ms, wanted) in steps {
                now = Timestamp::from_millis(now.millis() + wait_ms);
                day = day.turned_to(Day::quarter_of(now));
                let taken = wanted.min(day.room(Some(limit)));
                day.used += taken;
                calls.push((now, taken));
                let in_window = |(at, _): &&(Timestamp, u32)| at.millis() > now.millis() - DAY_MS;
                let sum: u32 = calls.iter().filter(in_window).map(|(_, taken)| taken).sum();
                prop_assert!(sum <= limit, "{sum} in 24 hours");
            }
        }

        #[test]
        fn there_is_room_again_when_it_says(first in 0_u64..500, later in 0_u64..90) {
            let day = Day { quarter: first, used: 3, before: BTreeMap::new() }.turned_to(first + later);
            let full = Day { used: day.used + day.room(Some(5)), ..day };
            prop_assert_eq!(full.room(Some(5)), 0);
            let at = full.frees_at();
            prop_assert!(full.turned_to(Day::quarter_of(at)).room(Some(5)) > 0);
            prop_assert_eq!(full.turned_to(Day::quarter_of(at) - 1).room(Some(5)), 0);
        }
    }
}
