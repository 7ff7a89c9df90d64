//! The meter: who takes slots now, how many, and who has to wait.

use std::time::Duration;

use super::{Day, Grid, TOLERANCE};
use crate::Timestamp;
use crate::settings::{ChannelSettings, Rate};

/// How much of its rate a group of calls may take at once: one read of opt-outs answers for all its calls.
const GROUP_LASTS: Duration = Duration::from_millis(500);
/// After so long without a new request for patience, a sender that was slowed down is trusted with twice its pace again.
pub(super) const SLOWER_FOR: Duration = Duration::from_secs(30);
/// How often the pace is halved at most: to a 64th.
const SLOWEST: u32 = 6;

/// What a person has set for a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Slots per second.
    pub rate: Rate,
    /// Messages in any 24 hours.
    pub per_day: Option<u32>,
}

impl Terms {
    /// How long the sender takes for so many slots.
    pub fn length(self, units: u64) -> Duration {
        let origin = Timestamp::from_millis(0);
        Grid { origin, rate: self.rate }.begin(units).since(origin)
    }
}

impl From<&ChannelSettings> for Terms {
    fn from(settings: &ChannelSettings) -> Self {
        Self { rate: settings.rate_per_second, per_day: settings.per_day }
    }
}

/// How far ahead of the present slots may be taken. Whoever may look further ahead goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// Of recipients of bulk actions.
    Bulk,
    /// Of replies and single sends: whatever bulk sends take, the slots between their horizon and this one are theirs.
    Direct,
}

impl Ahead {
    /// As a duration.
    pub const fn horizon(self) -> Duration {
        match self {
            Self::Bulk => Duration::from_secs(1),
            Self::Direct => Duration::from_secs(4),
        }
    }
}

/// A provider asked for patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slowed {
    /// When.
    pub at: Timestamp,
    /// No call begins before.
    pub until: Timestamp,
    /// How often the pace was halved.
    pub level: u32,
}

/// What was given out of a sender's slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// The slots.
    pub grid: Grid,
    /// The limit of 24 hours.
    pub per_day: Option<u32>,
    /// The first slot that nobody has.
    pub next: u64,
    /// Messages of the last 24 hours.
    pub day: Day,
    /// The last time when the provider asked for patience.
    pub slowed: Option<Slowed>,
    /// Changes when anything but [`Self::next`], [`Day::used`] and [`Self::slowed`] does.
    pub version: u64,
}

/// What has to be done to get slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taking {
    /// Take them, if the meter is still of the same version.
    Slots {
        /// Nobody may call before this slot: if the first free one is earlier, it is passed over.
        first: u64,
        /// The first free slot may not be later than this one.
        latest: u64,
        /// From one slot that is used to the next.
        stride: u64,
        /// Messages of the present quarter of an hour may not be more before.
        most_used: u32,
    },
    /// Write this meter first.
    Renew(Meter),
    /// Nothing is free before.
    Wait(Timestamp),
    /// They are too many to go together, by the present pace or the room of the day. Fewer may go.
    TooMany,
}

impl Meter {
    /// The meter of a sender that has not called anybody yet.
    pub fn new(terms: Terms, now: Timestamp) -> Self {
        let day = Day { quarter: Day::quarter_of(now), ..Day::default() };
        let grid = Grid { origin: now, rate: terms.rate };
        Self { grid, per_day: terms.per_day, next: 0, day, slowed: None, version: 1 }
    }

    /// How to get slots for `messages` messages of `units` slots altogether.
    pub fn taking(&self, terms: Terms, ahead: Ahead, units: u64, messages: u32, now: Timestamp) -> Taking {
        if (self.grid.rate, self.per_day) != (terms.rate, terms.per_day) {
            return Taking::Renew(self.with(terms, now));
        }
        let more_than_the_room = (1..messages).contains(&self.room(now));
        if messages > 1 && (units > self.units_of_a_group(terms, now) || more_than_the_room) {
            return Taking::TooMany;
        }
        let stride = self.stride(now);
        let from = self.slowed.map_or(now, |slowed| slowed.until.max(now));
        let first = self.grid.first_from(from);
        let free = first.max(self.next);
        // A slot that is long may begin far behind the horizon though it is the next one: nobody sleeps until then.
        if self.grid.begin(free) > now + ahead.horizon() {
            return Taking::Wait(self.grid.begin(free) - ahead.horizon());
        }
        let horizon = self.grid.last_until(now + ahead.horizon());
        let slots = units.saturating_mul(stride);
        // A clock that is behind does not turn the day back.
        let quarter = Day::quarter_of(self.grid.begin(free + slots)).max(self.day.quarter);
        if quarter != self.day.quarter {
            let day = self.day.turned_to(quarter);
            return Taking::Renew(Self { day, version: self.version + 1, ..self.clone() });
        }
        let Some(most_used) = self.day.room(self.per_day).checked_sub(messages) else {
            return Taking::Wait(self.day.frees_at());
        };
        let in_quarter = self.grid.first_from(Day::begin(quarter + 1)).saturating_sub(slots + 1);
        let most_used = most_used.saturating_add(self.day.used);
        Taking::Slots { first, latest: horizon.min(in_quarter), stride, most_used }
    }

    /// Whether the next slot waits for nobody in particular: none that is still to come was given out, no patience was asked for, and the day has room.
    pub fn is_free(&self, now: Timestamp) -> bool {
        let patient = self.slowed.is_some_and(|slowed| slowed.until > now);
        self.next <= self.grid.first_from(now) && !patient && self.room(now) > 0
    }

    /// Messages that may have a slot today.
    pub fn room(&self, now: Timestamp) -> u32 {
        self.day.turned_to(Day::quarter_of(now).max(self.day.quarter)).room(self.per_day)
    }

    /// Slots that a group of calls may take at once, at least one.
    pub fn units_of_a_group(&self, terms: Terms, now: Timestamp) -> u64 {
        let per_group = u128::from(terms.rate.thousandths()) * GROUP_LASTS.as_millis() / 1_000_000;
        (u64::try_from(per_group).unwrap_or(u64::MAX) / self.stride(now)).max(1)
    }

    /// From one slot that is used to the next.
    pub fn stride(&self, now: Timestamp) -> u64 {
        1 << self.level(now)
    }

    /// The meter after the provider asked for patience until `until`. What it asked for before still holds.
    pub fn slower(&self, until: Timestamp, now: Timestamp) -> Slowed {
        let until = self.slowed.map_or(until, |slowed| slowed.until.max(until));
        Slowed { at: now, until, level: (self.level(now) + 1).min(SLOWEST) }
    }

    fn level(&self, now: Timestamp) -> u32 {
        let Some(slowed) = self.slowed else { return 0 };
        let halves = now.since(slowed.until.max(slowed.at)).as_secs() / SLOWER_FOR.as_secs();
        slowed.level.saturating_sub(u32::try_from(halves).unwrap_or(u32::MAX))
    }

    /// Under other terms there is another grid. It begins when no call of the former can be in the same second with one of its own.
    fn with(&self, terms: Terms, now: Timestamp) -> Self {
        let free_of_the_former = self.grid.begin(self.next) + Duration::from_secs(1) + TOLERANCE;
        let grid = if terms.rate == self.grid.rate {
            self.grid
        } else {
            Grid { origin: free_of_the_former.max(now), rate: terms.rate }
        };
        let next = if grid == self.grid { self.next } else { 0 };
        Self { grid, per_day: terms.per_day, next, version: self.version + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A call and the rate under which it had its slot.
    type Made = (Timestamp, u32);

    /// Takes slots as dispatchers do; `None` if it has to wait.
    fn take(
        meter: &mut Meter,
        terms: Terms,
        ahead: Ahead,
        units: u64,
        now: Timestamp,
    ) -> Option<Vec<Timestamp>> {
        loop {
            match meter.taking(terms, ahead, units, 1, now) {
                Taking::Renew(renewed) => *meter = renewed,
                Taking::Wait(until) => {
                    assert!(until > now, "waits for a time that has passed");
                    return None;
                }
                Taking::TooMany => panic!("one message is never too many"),
                Taking::Slots { first, latest, stride, most_used } => {
                    let from = meter.next.max(first);
                    assert!(from <= latest && meter.day.used <= most_used);
                    meter.next = from + units * stride;
                    meter.day.used += 1;
                    return Some((0..units).map(|unit| meter.grid.begin(from + unit * stride)).collect());
                }
            }
        }
    }

    fn terms(per_second: u16) -> Terms {
        Terms { rate: Rate::per_second(per_second), per_day: None }
    }

    fn most_in_a_second_before(calls: &[Made], (at, _): Made) -> usize {
        calls.iter().filter(|(call, _)| *call <= at && *call > at - Duration::from_secs(1)).count()
    }

    proptest! {
        #[test]
        fn no_second_holds_more_than_the_rate_of_its_last_call(
            steps in proptest::collection::vec(
                (0_u64..400, 1_u64..5, any::<bool>(), 0_u64..=25, proptest::option::weighted(0.05, 1_u16..60)),
                1..200,
            ),
        ) {
            let mut now = Timestamp::from_secs(1_000_000);
            let mut rate = 10;
            let mut meter = Meter::new(terms(rate), now);
            let mut calls: Vec<Made> = Vec::new();
            for (wait, units, direct, late, changed) in steps {
                now = now + Duration::from_millis(wait);
                rate = changed.unwrap_or(rate);
                let ahead = if direct { Ahead::Direct } else { Ahead::Bulk };
                let slots = take(&mut meter, terms(rate), ahead, units, now).unwrap_or_default();
                for slot in slots {
                    prop_assert!(slot >= now);
                    calls.push((slot + Duration::from_millis(late), u32::from(rate)));
                }
            }
            for made in &calls {
                let most = most_in_a_second_before(&calls, *made);
                prop_assert!(most <= made.1 as usize, "{most} in the second before {made:?}");
            }
        }

        #[test]
        fn a_sender_that_always_has_work_uses_its_rate(per_second in 1_u16..200) {
            let begin = Timestamp::from_secs(1_000_000);
            let mut meter = Meter::new(terms(per_second), begin);
            let (mut now, mut calls) = (begin, 0_usize);
            while now.since(begin) < Duration::from_mins(1) {
                calls += take(&mut meter, terms(per_second), Ahead::Bulk, 1, now).map_or(0, |slots| slots.len());
                now = now + Duration::from_millis(2);
            }
            prop_assert!(calls * 100 >= 97 * 60 * usize::from(per_second), "{calls}");
        }
    }

    proptest! {
        #[test]
        fn nobody_gets_a_slot_that_begins_behind_its_horizon(
            thousandths in 10_u32..100_000, direct in any::<bool>(), waits in proptest::collection::vec(0_u64..200_000, 1..30),
        ) {
            let mut now = Timestamp::from_secs(1_000_000);
            let terms = Terms { rate: Rate::of_thousandths(thousandths).unwrap(), per_day: None };
            let ahead = if direct { Ahead::Direct } else { Ahead::Bulk };
            let mut meter = Meter::new(terms, now);
            for wait in waits {
                now = now + Duration::from_millis(wait);
                for slot in take(&mut meter, terms, ahead, 1, now).unwrap_or_default() {
                    prop_assert!(slot <= now + ahead.horizon(), "{slot:?} at {now:?}");
                }
            }
        }
    }

    #[test]
    fn direct_messages_find_a_slot_where_bulk_sends_have_to_wait() {
        let now = Timestamp::from_secs(1_000_000);
        let mut meter = Meter::new(terms(1), now);
        while take(&mut meter, terms(1), Ahead::Bulk, 1, now).is_some() {}
        let slots = take(&mut meter, terms(1), Ahead::Direct, 1, now).unwrap();
        assert!(slots[0].since(now) <= Ahead::Direct.horizon());
    }

    #[test]
    fn each_request_for_patience_halves_the_pace_and_time_doubles_it_again() {
        let now = Timestamp::from_secs(1_000_000);
        let mut meter = Meter::new(terms(10), now);
        let until = now + Duration::from_secs(2);
        for stride in [2, 4] {
            meter.slowed = Some(meter.slower(until, now));
            assert_eq!(meter.stride(now), stride);
        }
        let slots = take(&mut meter, terms(10), Ahead::Direct, 2, now).unwrap();
        assert!(slots[0] >= until);
        assert!(slots[1].since(slots[0]) >= Duration::from_millis(400));
        assert_eq!(meter.stride(until + SLOWER_FOR), 2);
        assert_eq!(meter.stride(until + 2 * SLOWER_FOR), 1);
    }

    #[test]
    fn between_two_slots_a_sender_is_free_until_somebody_takes_the_next() {
        let now = Timestamp::from_secs(1_000_000);
        let slow = Terms { rate: Rate::of_thousandths(50).unwrap(), per_day: Some(2) };
        let mut meter = Meter { next: 1, ..Meter::new(slow, now) };
        let between = now + Duration::from_secs(10);
        assert!(meter.is_free(between));
        meter.slowed = Some(meter.slower(between + Duration::from_secs(1), between));
        assert!(!meter.is_free(between), "patience was asked for");
        meter.slowed = None;
        meter.next = 2;
        assert!(!meter.is_free(between), "the next is somebody's");
        meter.next = 1;
        meter.day.used = 2;
        assert!(!meter.is_free(between), "nobody may call today");
    }

    #[test]
    fn a_short_wait_does_not_end_a_long_one() {
        let now = Timestamp::from_secs(1_000_000);
        let mut meter = Meter::new(terms(10), now);
        let (hour, soon) = (now + Duration::from_hours(1), now + Duration::from_secs(2));
        meter.slowed = Some(meter.slower(hour, now));
        assert_eq!(meter.slower(soon, now).until, hour);
    }

    #[test]
    fn what_is_too_much_for_one_group_is_told_from_what_has_to_wait() {
        let now = Timestamp::from_secs(1_000_000);
        let terms = Terms { per_day: Some(3), ..terms(20) };
        let mut meter = Meter::new(terms, now);
        let taking = |meter: &Meter, units, messages| meter.taking(terms, Ahead::Bulk, units, messages, now);
        assert!(matches!(taking(&meter, 3, 3), Taking::Slots { .. }));
        assert_eq!(taking(&meter, 4, 4), Taking::TooMany, "there is room for three today");
        assert_eq!(taking(&meter, 11, 3), Taking::TooMany, "half a second has ten slots");
        assert!(matches!(taking(&meter, 11, 1), Taking::Slots { .. }), "one message cannot be parted");
        meter.day.used = 3;
        assert!(matches!(taking(&meter, 4, 4), Taking::Wait(_)), "today nobody has room");
    }

    #[test]
    fn a_day_that_is_used_up_is_waited_out() {
        let now = Timestamp::from_secs(1_000_000);
        let terms = Terms { per_day: Some(2), ..terms(10) };
        let mut meter = Meter::new(terms, now);
        assert!(take(&mut meter, terms, Ahead::Bulk, 1, now).is_some());
        assert!(take(&mut meter, terms, Ahead::Bulk, 1, now).is_some());
        let Taking::Wait(until) = meter.taking(terms, Ahead::Bulk, 1, 1, now) else {
            panic!("there was room")
        };
        assert!(
            until.since(now) > Duration::from_hours(24)
                && until.since(now) < Duration::from_mins(24 * 60 + 16)
        );
        assert!(take(&mut meter, terms, Ahead::Bulk, 1, until).is_some());
    }
}
