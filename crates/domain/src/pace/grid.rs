//! The grid: when each slot begins.

use std::time::Duration;

use crate::Timestamp;
use crate::settings::Rate;

/// A call for a slot begins at most this long after the slot begins. The grid is slower than the rate by as much in each second, so that calls
/// that are early and late in their slots never make a second too full.
pub const TOLERANCE: Duration = Duration::from_millis(25);
/// The slots of a sender while its rate stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// When slot 0 begins.
    pub origin: Timestamp,
    /// The sender's rate.
    pub rate: Rate,
}

impl Grid {
    /// When a slot begins.
    pub fn begin(&self, slot: u64) -> Timestamp {
        let millis = (u128::from(slot) * per_thousand()).div_ceil(self.thousandths());
        self.origin + Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// The first slot that begins at `at` or later.
    pub fn first_from(&self, at: Timestamp) -> u64 {
        // Beginnings are rounded up to milliseconds: slots whose exact one is at most `at` less 1 ms begin earlier than `at`, the next does not.
        let Some(before) = at.since(self.origin).as_millis().checked_sub(1) else { return 0 };
        u64::try_from(before * self.thousandths() / per_thousand() + 1).unwrap_or(u64::MAX)
    }

    /// The last slot that begins at `at` or earlier; slot 0 if none does.
    pub fn last_until(&self, at: Timestamp) -> u64 {
        self.first_from(at + Duration::from_millis(1)).saturating_sub(1)
    }

    /// Whether a call for `slot` may begin at `now`.
    pub fn is_open(&self, slot: u64, now: Timestamp) -> bool {
        let begin = self.begin(slot);
        begin <= now && now <= begin + TOLERANCE
    }

    fn thousandths(&self) -> u128 {
        u128::from(self.rate.thousandths()).max(1)
    }
}

/// Milliseconds that a thousand slots take at a rate of one a second, times the thousand by which rates are counted.
fn per_thousand() -> u128 {
    (Duration::from_secs(1) + TOLERANCE).as_millis() * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid(per_second: u16) -> Grid {
        Grid { origin: Timestamp::from_secs(1_000), rate: Rate::per_second(per_second) }
    }

    proptest! {
        #[test]
        fn no_second_holds_more_calls_than_the_rate(
            per_second in 1_u16..500,
            first in 0_u64..10_000_000,
            late in proptest::collection::vec(0_u64..=25, 600),
        ) {
            let grid = grid(per_second);
            let calls: Vec<Timestamp> = (first..)
                .zip(&late)
                .map(|(slot, late)| grid.begin(slot) + Duration::from_millis(*late))
                .collect();
            for at in &calls {
                let in_second =
                    calls.iter().filter(|call| **call >= *at && **call < *at + Duration::from_secs(1)).count();
                prop_assert!(in_second <= usize::from(per_second), "{in_second} in a second");
            }
        }

        #[test]
        fn the_first_slot_from_a_time_is_the_first(per_second in 1_u16..500, after in 0_u64..1_000_000_000) {
            let grid = grid(per_second);
            let at = grid.origin + Duration::from_millis(after);
            let slot = grid.first_from(at);
            prop_assert!(grid.begin(slot) >= at);
            prop_assert!(slot == 0 || grid.begin(slot - 1) < at);
            let last = grid.last_until(at);
            prop_assert!(grid.begin(last) <= at && grid.begin(last + 1) > at);
        }

        #[test]
        fn a_slot_is_open_for_its_tolerance(per_second in 1_u16..40, slot in 0_u64..1_000_000) {
            let grid = grid(per_second);
            let begin = grid.begin(slot);
            prop_assert!(grid.is_open(slot, begin) && grid.is_open(slot, begin + TOLERANCE));
            prop_assert!(!grid.is_open(slot, begin + TOLERANCE + Duration::from_millis(1)));
            prop_assert!(!grid.is_open(slot + 1, begin));
        }
    }
}
