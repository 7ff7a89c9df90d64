//! How what happened to the rows of a send is spread over time: numbers per interval, in intervals as short as the whole span allows.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The most intervals from the first to the last. A span that is longer is shown in longer intervals.
pub const MOST_INTERVALS: i64 = 120;

/// How long an interval is. Intervals begin at whole minutes, hours, days and weeks of UTC, so that each lies within one of the next length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    #[default]
    Minute,
    Hour,
    Day,
    Week,
}

impl Step {
    fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 60 * 60_000,
            Self::Day => 24 * 60 * 60_000,
            Self::Week => 7 * 24 * 60 * 60_000,
        }
    }

    fn longer(self) -> Option<Self> {
        match self {
            Self::Minute => Some(Self::Hour),
            Self::Hour => Some(Self::Day),
            Self::Day => Some(Self::Week),
            Self::Week => None,
        }
    }
}

/// How many rows something happened to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The provider had them.
    pub sent: u64,
    /// They were delivered.
    pub delivered: u64,
    /// They were read.
    pub read: u64,
    /// They failed.
    pub failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.read += other.read;
        self.failed += other.failed;
    }
}

/// Tallies by interval; intervals in which nothing happened are left out. The same events give the same histogram in whatever order, and
/// from whatever parts, they come together: an interval is split nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Histogram {
    step: Step,
    /// By how many intervals after 1970 they are.
    intervals: BTreeMap<i64, Tally>,
}

impl Histogram {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    /// Adds what happened at `at`.
    pub fn add(&mut self, at: Timestamp, tally: Tally) {
        if tally != Tally::default() {
            *self.intervals.entry(at.millis().div_euclid(self.step.millis())).or_default() += tally;
            self.fit();
        }
    }

    /// Adds another's.
    pub fn merge(&mut self, mut other: Self) {
        while self.step < other.step && self.lengthen() {}
        while other.step < self.step && other.lengthen() {}
        for (interval, tally) in other.intervals {
            *self.intervals.entry(interval).or_default() += tally;
        }
        self.fit();
    }

    /// When each interval begins, and what happened in it, in their order.
    pub fn intervals(&self) -> impl Iterator<Item = (Timestamp, Tally)> {
        let length = self.step.millis();
        self.intervals.iter().map(move |(number, tally)| (Timestamp::from_millis(number * length), *tally))
    }

    fn fit(&mut self) {
        while self.span() > MOST_INTERVALS && self.lengthen() {}
    }

    fn span(&self) -> i64 {
        match (self.intervals.first_key_value(), self.intervals.last_key_value()) {
            (Some((first, _)), Some((last, _))) => last - first + 1,
            _ => 0,
        }
    }

    /// Goes over to longer intervals, if there are any.
    fn lengthen(&mut self) -> bool {
        let Some(longer) = self.step.longer() else { return false };
        let in_one = longer.millis() / self.step.millis();
        let intervals = std::mem::take(&mut self.intervals);
        for (interval, tally) in intervals {
            *self.intervals.entry(interval.div_euclid(in_one)).or_default() += tally;
        }
        self.step = longer;
        true
    }
}

/// As it is kept: most of the numbers of a hundred rows are 1 or none, so each kind has a list of its own, of places behind the first interval
/// and numbers in turns.
#[derive(Serialize, Deserialize)]
struct Stored {
    step: Step,
    from: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sent: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    delivered: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failed: Vec<u64>,
}

impl From<Histogram> for Stored {
    fn from(histogram: Histogram) -> Self {
        let from = histogram.intervals.keys().next().copied().unwrap_or(0);
        let list = |number: fn(&Tally) -> u64| -> Vec<u64> {
            let some = histogram.intervals.iter().filter(|(_, tally)| number(tally) > 0);
            some.flat_map(|(at, tally)| [u64::try_from(at - from).unwrap_or(0), number(tally)]).collect()
        };
        Self {
            step: histogram.step,
            from,
            sent: list(|tally| tally.sent),
            delivered: list(|tally| tally.delivered),
            read: list(|tally| tally.read),
            failed: list(|tally| tally.failed),
        }
    }
}

impl From<Stored> for Histogram {
    fn from(stored: Stored) -> Self {
        let mut intervals: BTreeMap<i64, Tally> = BTreeMap::new();
        let mut fill = |list: &[u64], tally: fn(u64) -> Tally| {
            for pair in list.chunks_exact(2) {
                if let [place, number] = pair {
                    let place = stored.from.saturating_add(i64::try_from(*place).unwrap_or(i64::MAX));
                    *intervals.entry(place).or_default() += tally(*number);
                }
            }
        };
        fill(&stored.sent, |sent| Tally { sent, ..Tally::default() });
        fill(&stored.delivered, |delivered| Tally { delivered, ..Tally::default() });
        fill(&stored.read, |read| Tally { read, ..Tally::default() });
        fill(&stored.failed, |failed| Tally { failed, ..Tally::default() });
        Self { step: stored.step, intervals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SENT: Tally = Tally { sent: 1, delivered: 0, read: 0, failed: 0 };
    const READ: Tally = Tally { sent: 0, delivered: 0, read: 1, failed: 0 };

    fn of(events: &[(i64, Tally)]) -> Histogram {
        let mut histogram = Histogram::default();
        for (secs, tally) in events {
            histogram.add(Timestamp::from_secs(*secs), *tally);
        }
        histogram
    }

    fn begins(histogram: &Histogram) -> Vec<i64> {
        histogram.intervals().map(|(at, _)| at.secs()).collect()
    }

    #[test]
    fn what_happens_in_one_minute_is_one_point() {
        let histogram = of(&[(60, SENT), (119, SENT), (90, READ), (120, SENT)]);
        let expected = [
            (Timestamp::from_secs(60), Tally { sent: 2, read: 1, ..Tally::default() }),
            (Timestamp::from_secs(120), SENT),
        ];
        assert_eq!(histogram.intervals().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_longer_span_has_longer_intervals() {
        let (minute, hour, day) = (60, 3_600, 86_400);
        assert_eq!(begins(&of(&[(0, SENT), (119 * minute, SENT)])), [0, 119 * minute]);
        assert_eq!(begins(&of(&[(0, SENT), (120 * minute, SENT)])), [0, 2 * hour]);
        assert_eq!(begins(&of(&[(0, SENT), (120 * hour, SENT)])), [0, 5 * day]);
        assert_eq!(begins(&of(&[(0, SENT), (140 * day, SENT)])), [0, 140 * day]);
    }

    #[test]
    fn the_events_of_a_full_chunk_take_little_room() {
        let spread: Vec<(i64, Tally)> = (0..100).flat_map(|row| [(row, SENT), (row * 70, READ)]).collect();
        let text = serde_json::to_string(&of(&spread)).unwrap();
        assert!(text.len() < 700, "{} bytes: {text}", text.len());
    }

    fn events() -> impl Strategy<Value = Vec<(i64, Tally)>> {
        let kind = prop_oneof![Just(SENT), Just(READ)];
        let at = prop_oneof![0_i64..10_000, 0_i64..1_000_000, 0_i64..100_000_000];
        proptest::collection::vec((at, kind), 0..40)
    }

    proptest! {
        #[test]
        fn parts_come_together_to_the_same_whole(all in events(), cut in 0_usize..40) {
            let cut = cut.min(all.len());
            let mut merged = of(&all[..cut]);
            merged.merge(of(&all[cut..]));
            let mut turned = all.clone();
            turned.reverse();
            prop_assert_eq!(&merged, &of(&all));
            prop_assert_eq!(merged, of(&turned));
        }

        #[test]
        fn it_survives_being_stored(all in events()) {
            let histogram = of(&all);
            let text = serde_json::to_string(&histogram).unwrap();
            prop_assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), histogram);
        }
    }
}
