//! The outlook: what a sender would send when, if it went on as it is. Nothing here gives a slot away.

use std::collections::VecDeque;
use std::time::Duration;

use super::meter::SLOWER_FOR;
use super::{Day, Meter, QUARTER, Slowed, Terms};
use crate::Timestamp;

/// An outlook ends after so many stretches, which no send in practice has: the rest is left out rather than worked out for ever.
const MOST_STRETCHES: u32 = 500_000;

/// A place in the plan may be off by so much. One that lies in the end of a wait by no more is what follows the wait.
const PLAN_IS_OFF: Duration = Duration::from_mins(2);

/// What a sender has to carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Messages.
    pub messages: u64,
    /// What counts against the rate: segments of SMS, messages elsewhere.
    pub units: u64,
}

impl Load {
    /// So many messages of this load, each of its average length.
    #[must_use]
    pub fn part(self, messages: u64) -> Self {
        let units = (self.units * messages).div_ceil(self.messages.max(1));
        Self { messages, units }
    }
}

impl std::ops::AddAssign for Load {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.units += other.units;
    }
}

/// A sender's future, as far as it is spoken for: a clock that is moved on by work.
#[derive(Debug, Clone)]
pub struct Outlook {
    at: Timestamp,
    terms: Terms,
    slowed: Option<Slowed>,
    window: Window,
}

impl Outlook {
    /// Of a sender from `now` on. Slots that are given out already, and the patience that its provider asked for, are waited out.
    pub fn new(terms: Terms, meter: Option<&Meter>, now: Timestamp) -> Self {
        let free = meter.map_or(now, |meter| meter.grid.begin(meter.next).max(now));
        let window = Window::of(meter.map(|meter| &meter.day), terms.per_day);
        let slowed = meter.and_then(|meter| meter.slowed);
        let mut outlook = Self { at: now, terms, slowed, window };
        outlook.idle_until(free);
        outlook
    }

    /// When the next message may leave.
    pub fn begin(&mut self) -> Timestamp {
        if let Some(slowed) = self.slowed {
            self.idle_until(slowed.until);
        }
        while self.window.room(self.at) == 0 {
            let Some(frees_at) = self.window.frees_at().filter(|at| *at > self.at) else { break };
            self.idle_until(frees_at);
        }
        self.at
    }

    /// Nothing is sent before `at`.
    pub fn idle_until(&mut self, at: Timestamp) {
        self.at = self.at.max(at);
    }

    /// Sends `load`, and answers when its last message will have left.
    pub fn run(&mut self, load: Load) -> Timestamp {
        if load.messages > 0 {
            self.work(micros(self.terms.length(load.units.max(1))), load.messages, None);
        }
        self.at
    }

    /// Sends what is planned until `planned`. How much that is, is not known; that it is sent without a pause, unless there is no room in 24 hours,
    /// is assumed.
    pub fn run_planned(&mut self, planned: Option<Timestamp>) {
        let Some(planned) = planned.filter(|planned| *planned > self.at) else { return };
        let work = micros(planned.since(self.at));
        let one = micros(self.terms.length(1)).max(1);
        self.work(work, work.div_ceil(one), Some(planned));
    }

    /// Work that takes the sender so long at its full pace. What is left of planned work after a wait is what was planned for after it.
    fn work(&mut self, work: u64, messages: u64, planned: Option<Timestamp>) {
        let (mut left, mut done, mut counted) = (work, 0_u64, 0_u64);
        for _ in 0..MOST_STRETCHES {
            if left == 0 {
                return;
            }
            let before = self.at;
            let at = self.begin();
            if let Some(planned) = planned.filter(|planned| at > before && *planned + PLAN_IS_OFF >= at) {
                left = left.min(micros(planned.since(at)));
                if left == 0 {
                    return;
                }
            }
            let (level, slow_until) = self.level();
            let stretch = [slow_until, self.window.quarter_ends(at)].into_iter().flatten().min();
            let span = stretch.map_or(u64::MAX, |end| micros(end.since(at)).max(1_000));
            let room = counted.saturating_add(self.window.room(at)).min(messages);
            let until_full = share(work, room, messages).saturating_sub(done).max(1);
            // What leaves no time at the slower pace takes at least the stretch.
            let some = (span >> level).max(1).min(left).min(until_full);
            self.at = at + Duration::from_micros(some << level).max(Duration::from_millis(1));
            (left, done) = (left - some, done + some);
            let sent = messages - share(messages, work - done, work);
            self.window.add(at, sent - counted);
            counted = sent;
        }
    }

    /// How often the pace is halved now, and until when.
    fn level(&self) -> (u32, Option<Timestamp>) {
        let Some(slowed) = self.slowed else { return (0, None) };
        let since = slowed.until.max(slowed.at);
        let halves = u32::try_from(self.at.since(since).as_secs() / SLOWER_FOR.as_secs()).unwrap_or(u32::MAX);
        match slowed.level.saturating_sub(halves) {
            0 => (0, None),
            level => (level, Some(since + SLOWER_FOR * (halves + 1))),
        }
    }
}

/// The messages of the last 24 hours, by the quarter of an hour; nothing is counted where there is no limit.
#[derive(Debug, Clone)]
struct Window {
    limit: Option<u64>,
    quarters: VecDeque<(u64, u64)>,
    sum: u64,
}

impl Window {
    fn of(day: Option<&Day>, limit: Option<u32>) -> Self {
        let used = day.into_iter().flat_map(|day| {
            day.before.iter().map(|(at, used)| (*at, *used)).chain([(day.quarter, day.used)])
        });
        let quarters: VecDeque<(u64, u64)> =
            used.filter(|(_, used)| *used > 0).map(|(at, used)| (at, u64::from(used))).collect();
        let sum = quarters.iter().map(|(_, used)| used).sum();
        Self { limit: limit.map(|limit| u64::from(limit.max(1))), quarters, sum }
    }

    /// Messages that may leave in the quarter that holds `at`.
    fn room(&mut self, at: Timestamp) -> u64 {
        let Some(limit) = self.limit else { return u64::MAX };
        let quarter = Day::quarter_of(at);
        while let Some((_, used)) =
            self.quarters.front().filter(|(at, _)| Day::has_left(*at, quarter)).copied()
        {
            self.quarters.pop_front();
            self.sum -= used;
        }
        limit.saturating_sub(self.sum)
    }

    fn frees_at(&self) -> Option<Timestamp> {
        self.quarters.front().map(|(oldest, _)| Day::leaves_at(*oldest))
    }

    fn quarter_ends(&self, at: Timestamp) -> Option<Timestamp> {
        self.limit.map(|_| Day::begin(Day::quarter_of(at)) + QUARTER)
    }

    fn add(&mut self, at: Timestamp, messages: u64) {
        if self.limit.is_none() || messages == 0 {
            return;
        }
        let quarter = Day::quarter_of(at);
        self.sum += messages;
        match self.quarters.back_mut() {
            Some((last, used)) if *last >= quarter => *used += messages,
            _ => self.quarters.push_back((quarter, messages)),
        }
    }
}

/// So many parts of `whole`, of which there are `parts`, rounded down.
fn share(whole: u64, some: u64, parts: u64) -> u64 {
    let share = u128::from(whole) * u128::from(some) / u128::from(parts.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Rate;
    use proptest::prelude::*;

    const NOW: i64 = 900_000;

    fn now() -> Timestamp {
        Timestamp::from_secs(NOW)
    }

    fn terms(per_second: u16, per_day: Option<u32>) -> Terms {
        Terms { rate: Rate::per_second(per_second), per_day }
    }

    fn load(messages: u64) -> Load {
        Load { messages, units: messages }
    }

    fn after(outlook: &Outlook) -> Duration {
        outlook.at.since(now())
    }

    #[test]
    fn work_takes_as_long_as_the_grid_makes_it() {
        let mut outlook = Outlook::new(terms(10, None), None, now());
        outlook.run(Load { messages: 40, units: 100 });
        assert_eq!(after(&outlook), Duration::from_millis(10_250), "a second is 25 ms longer");
        outlook.run(Load::default());
        assert_eq!(after(&outlook), Duration::from_millis(10_250));
    }

    #[test]
    fn slots_that_are_given_out_are_waited_for() {
        let meter = Meter { next: 40, ..Meter::new(terms(10, None), now()) };
        let mut outlook = Outlook::new(terms(10, None), Some(&meter), now());
        assert_eq!(outlook.begin(), now() + Duration::from_millis(4_100));
    }

    #[test]
    fn what_is_planned_goes_before() {
        let mut outlook = Outlook::new(terms(10, None), None, now());
        outlook.run_planned(Some(now() + Duration::from_mins(10)));
        assert_eq!(after(&outlook), Duration::from_mins(10));
        outlook.run_planned(Some(now()));
        assert_eq!(after(&outlook), Duration::from_mins(10), "that is over");
    }

    #[test]
    fn a_sender_that_was_slowed_down_takes_longer_until_it_is_trusted_again() {
        let slowed = Slowed { at: now(), until: now() + Duration::from_secs(2), level: 2 };
        let meter = Meter { slowed: Some(slowed), ..Meter::new(terms(10, None), now()) };
        let mut outlook = Outlook::new(terms(10, None), Some(&meter), now());
        // 30 s at a quarter, 30 s at half the pace: 22.5 s of work.
        outlook.run(load(300));
        let expected = Duration::from_secs(2) + Duration::from_millis(60_000 + 30_750 - 22_500);
        assert_eq!(after(&outlook), expected);
    }

    #[test]
    fn what_a_day_does_not_take_leaves_on_the_next() {
        let mut outlook = Outlook::new(terms(10, Some(1_000)), None, now());
        outlook.run(load(2_500));
        let days = after(&outlook).as_secs_f64() / 86_400.0;
        assert!((2.0..2.05).contains(&days), "{days}");
        let mut exactly = Outlook::new(terms(10, Some(1_000)), None, now());
        exactly.run(load(1_000));
        assert_eq!(after(&exactly), Duration::from_millis(102_500));
    }

    #[test]
    fn the_room_of_the_last_24_hours_is_what_counts() {
        let quarter = Day::quarter_of(now());
        let day = Day { quarter, used: 300, before: [(quarter - 80, 400)].into() };
        let meter = Meter { day, ..Meter::new(terms(10, Some(1_000)), now()) };
        let with = |messages| {
            let mut outlook = Outlook::new(terms(10, Some(1_000)), Some(&meter), now());
            outlook.run(load(messages));
            after(&outlook)
        };
        assert!(with(300) < Duration::from_mins(1));
        let later = with(301);
        assert!(later > Duration::from_hours(4) && later < Duration::from_mins(4 * 60 + 16), "{later:?}");
    }

    #[test]
    fn a_plan_that_reaches_into_the_next_day_knows_of_the_limit() {
        let quarter = Day::quarter_of(now());
        let day = Day { quarter, used: 1_000, ..Day::default() };
        let meter = Meter { day, ..Meter::new(terms(10, Some(1_000)), now()) };
        let tomorrow = Day::leaves_at(quarter);
        let mut outlook = Outlook::new(terms(10, Some(1_000)), Some(&meter), now());
        outlook.run_planned(Some(tomorrow + Duration::from_secs(51)));
        assert_eq!(outlook.at, tomorrow + Duration::from_secs(51), "500 are planned");
        let end = outlook.run(load(500));
        assert!(end < tomorrow + Duration::from_mins(2), "there is room for 500 more");
        assert!(outlook.run(load(20)) > tomorrow + Duration::from_hours(24));
    }

    #[test]
    fn a_plan_that_ends_shortly_before_a_wait_does_holds_nothing_behind_it() {
        let quarter = Day::quarter_of(now());
        let day = Day { quarter, used: 900, ..Day::default() };
        let meter = Meter { day, ..Meter::new(terms(10, Some(1_000)), now()) };
        let tomorrow = Day::leaves_at(quarter);
        let mut outlook = Outlook::new(terms(10, Some(1_000)), Some(&meter), now());
        // Work comes to its function two seconds before its slots.
        outlook.run_planned(Some(Timestamp::from_millis(tomorrow.millis() - 2_000)));
        assert_eq!(outlook.run(load(100)), tomorrow + Duration::from_millis(10_250));
    }

    #[test]
    fn a_plan_that_knows_nothing_of_the_limit_is_held_to_it() {
        let mut outlook = Outlook::new(terms(100, Some(1_000)), None, now());
        outlook.run_planned(Some(now() + Terms { rate: Rate::per_second(100), per_day: None }.length(1_500)));
        assert!(after(&outlook) > Duration::from_hours(24), "1,500 are planned for today");
    }

    proptest! {
        #[test]
        fn an_outlook_is_what_the_meter_then_gives(
            per_second in 1_u16..50, per_day in proptest::option::of(1_u32..400), messages in 1_u64..900,
        ) {
            let terms = terms(per_second, per_day);
            let end = Outlook::new(terms, None, now()).run(load(messages));
            let (mut meter, mut at, mut last) = (Meter::new(terms, now()), now(), now());
            for _ in 0..messages {
                loop {
                    match meter.taking(terms, super::super::Ahead::Bulk, 1, 1, at) {
                        super::super::Taking::Renew(renewed) => meter = renewed,
                        super::super::Taking::Wait(until) => at = until,
                        super::super::Taking::TooMany => panic!("one message is never too many"),
                        super::super::Taking::Slots { first, .. } => {
                            let slot = meter.next.max(first);
                            meter.next = slot + 1;
                            meter.day.used += 1;
                            last = meter.grid.begin(slot + 1);
                            break;
                        }
                    }
                }
            }
            let (early, late) = (end.since(last), last.since(end));
            prop_assert!(early.max(late) < Duration::from_secs(3), "{end} expected, {last} it was");
        }
    }
}
