//! How many bulk actions an organisation may ask for: a sliding window, exact.

use std::time::Duration;

use crate::Timestamp;

/// The most bulk actions, created or retried, that are accepted of one organisation in any [`WINDOW`].
pub const MOST: usize = 10;
/// The length of the window.
pub const WINDOW: Duration = Duration::from_mins(1);

/// The times of the last acceptances with one more at `now`, oldest first. `accepted` are those that were kept before.
///
/// # Errors
/// How long to wait, if [`MOST`] were accepted in the window that ends now.
pub fn admit(accepted: &[Timestamp], now: Timestamp) -> Result<Vec<Timestamp>, Duration> {
    // Clocks of functions differ a little; what was accepted before counts as not later than now.
    let now = accepted.iter().copied().fold(now, Timestamp::max);
    let mut recent: Vec<Timestamp> = accepted.iter().copied().filter(|at| *at + WINDOW > now).collect();
    recent.sort_unstable();
    if let Some(frees) = recent.len().checked_sub(MOST).and_then(|index| recent.get(index)) {
        return Err((*frees + WINDOW).since(now));
    }
    recent.push(now);
    Ok(recent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_eleventh_in_a_minute_waits_until_the_first_is_a_minute_old() {
        let mut accepted = Vec::new();
        for second in 0..10 {
            accepted = admit(&accepted, at(second * 1_000)).unwrap();
        }
        assert_eq!(admit(&accepted, at(30_000)), Err(Duration::from_secs(30)));
        assert_eq!(admit(&accepted, at(59_999)), Err(Duration::from_millis(1)));
        assert!(admit(&accepted, at(60_000)).is_ok());
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_ten(steps in proptest::collection::vec(0_i64..20_000, 1..200)) {
            let (mut now, mut kept, mut all) = (1_000_000, Vec::new(), Vec::new());
            for step in steps {
                now += step;
                if let Ok(next) = admit(&kept, at(now)) {
                    kept = next;
                    all.push(at(now));
                }
            }
            for end in &all {
                let in_window = all.iter().filter(|t| **t <= *end && **t + WINDOW > *end).count();
                prop_assert!(in_window <= MOST);
            }
        }

        #[test]
        fn whoever_waits_as_told_is_admitted(steps in proptest::collection::vec(0_i64..3_000, 1..50)) {
            let (mut now, mut kept) = (1_000_000, Vec::new());
            for step in steps {
                now += step;
                match admit(&kept, at(now)) {
                    Ok(next) => kept = next,
                    Err(wait) => prop_assert!(admit(&kept, at(now) + wait).is_ok()),
                }
            }
        }
    }
}
