//! P7: what each sender was asked to send, by the clocks of those who asked, and the terms that it had.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::pace::{Grid, Terms};
use domain::settings::Rate;
use domain::{Channel, Timestamp};

/// Slots that were taken under former terms are used so long after these have changed.
const OLD_TERMS_MS: u64 = 8_000;
const SECOND_MS: i64 = 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The requests to each sender and its terms.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<BTreeMap<Channel, Sender>>);

#[derive(Debug, Default)]
struct Sender {
    calls: Vec<Call>,
    terms: Vec<Since>,
    pauses: Vec<Pause>,
}

/// Somebody paused it.
#[derive(Debug, Clone, Copy, Default)]
struct Pause {
    /// When he was told that it is paused.
    answered_ms: Option<u64>,
    /// When he began to resume it.
    resumed_ms: Option<u64>,
}

/// A request that was begun.
#[derive(Debug, Clone, Copy)]
struct Call {
    /// By the clock of the function, in milliseconds since 1970.
    clock_ms: i64,
    /// In truth, in milliseconds since the beginning.
    at_ms: u64,
    /// Slots that it takes.
    units: u64,
}

/// Terms and since when they may be known.
#[derive(Debug, Clone, Copy)]
struct Since {
    at_ms: u64,
    /// When whoever set them was answered; `None` for as long as they may or may not be written.
    answered_ms: Option<u64>,
    terms: Terms,
}

impl Pace {
    fn senders(&self) -> MutexGuard<'_, BTreeMap<Channel, Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a sender ever took only so many messages a day.
    pub(crate) fn limits_days(&self) -> bool {
        self.senders().values().flat_map(|sender| &sender.terms).any(|since| since.terms.per_day.is_some())
    }

    /// Somebody begins to set terms. Answers the number of the change.
    pub(crate) fn sets(&self, channel: Channel, terms: Terms, at_ms: u64) -> usize {
        let mut senders = self.senders();
        let all = &mut senders.entry(channel).or_default().terms;
        all.push(Since { at_ms, answered_ms: None, terms });
        all.len() - 1
    }

    /// Whoever made a change was told that it is made.
    pub(crate) fn has_set(&self, channel: Channel, number: usize, at_ms: u64) {
        if let Some(since) = self.senders().entry(channel).or_default().terms.get_mut(number) {
            since.answered_ms = Some(at_ms);
        }
    }

    /// Somebody begins to pause a sender. Answers the number of the pause.
    pub(crate) fn pauses(&self, channel: Channel) -> usize {
        let mut senders = self.senders();
        let pauses = &mut senders.entry(channel).or_default().pauses;
        pauses.push(Pause::default());
        pauses.len() - 1
    }

    /// Whoever paused it was told that it is paused.
    pub(crate) fn is_paused(&self, channel: Channel, number: usize, at_ms: u64) {
        if let Some(pause) = self.senders().entry(channel).or_default().pauses.get_mut(number) {
            pause.answered_ms = Some(at_ms);
        }
    }

    /// Whoever paused it begins to resume it.
    pub(crate) fn resumes(&self, channel: Channel, number: usize, at_ms: u64) {
        if let Some(pause) = self.senders().entry(channel).or_default().pauses.get_mut(number) {
            pause.resumed_ms = Some(at_ms);
        }
    }

    /// A request begins.
    pub(crate) fn calls(&self, channel: Channel, clock: Timestamp, at_ms: u64, units: u64) {
        let call = Call { clock_ms: clock.millis(), at_ms, units };
        self.senders().entry(channel).or_default().calls.push(call);
    }

    /// What was too much, for anybody.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.senders().iter().flat_map(|(channel, sender)| sender.broken(*channel)).collect()
    }
}

impl Sender {
    fn broken(&self, channel: Channel) -> Vec<String> {
        let mut calls = self.calls.clone();
        calls.sort_by_key(|call| call.clock_ms);
        let thousandths = |call| self.most(call, |terms| u64::from(terms.rate.thousandths()));
        let mut slots: Vec<(i64, Call)> = Vec::new();
        for call in &calls {
            // A message of several slots fills those after its own, too.
            let origin = Timestamp::from_millis(call.clock_ms);
            let rate = u32::try_from(thousandths(*call)).ok().and_then(Rate::of_thousandths);
            let grid = Grid { origin, rate: rate.unwrap_or(Rate::per_second(1)) };
            slots.extend((0..call.units).map(|unit| (grid.begin(unit).millis(), *call)));
        }
        slots.sort_by_key(|(at, _)| *at);
        let second = too_many(&slots, SECOND_MS, |call| thousandths(call).div_ceil(1_000));
        let close = slots.windows(2).find_map(|pair| match pair {
            [(before_ms, before), (at_ms, call)] => {
                let slow = thousandths(*call).max(thousandths(*before));
                let apart = at_ms.abs_diff(*before_ms) * slow >= 1_000_000;
                let judged = slow > 0 && slow < 1_000 && !self.changes_between(*before, *call);
                (judged && !apart).then_some((2, call.at_ms))
            }
            _ => None,
        });
        let messages: Vec<(i64, Call)> = calls.iter().map(|call| (call.clock_ms, *call)).collect();
        let limits: Vec<Option<u32>> = self.terms.iter().map(|since| since.terms.per_day).collect();
        // A sender that was without a limit for a while is not judged.
        let limit =
            limits.iter().copied().collect::<Option<Vec<u32>>>().and_then(|all| all.into_iter().max());
        let day = too_many(&messages, DAY_MS, |_| limit.map_or(u64::MAX, u64::from));
        let told = |what: &str, (count, at): (u64, u64)| {
            format!(
                "the {channel} sender was asked {count} times in a {what} that ends {at} ms after the beginning; {:?}",
                self.terms
            )
        };
        second
            .map(|found| told("second", found))
            .into_iter()
            .chain(close.map(|found| told("span that is one slot long", found)))
            .chain(day.map(|found| told("day", found)))
            .chain(self.called_while_paused().map(|at_ms| {
                format!("the {channel} sender was asked {at_ms} ms after the beginning, when it was paused")
            }))
            .collect()
    }

    /// When a request began long after somebody had been told that the sender is paused. Of two who pause and resume it nobody knows who was last.
    fn called_while_paused(&self) -> Option<u64> {
        let [Pause { answered_ms: Some(from_ms), resumed_ms }] = self.pauses.as_slice() else { return None };
        let until_ms = resumed_ms.unwrap_or(u64::MAX);
        let called = |call: &&Call| call.at_ms > from_ms + OLD_TERMS_MS && call.at_ms < until_ms;
        self.calls.iter().find(called).map(|call| call.at_ms)
    }

    /// Whether somebody set terms between two requests: the next slots then follow others.
    fn changes_between(&self, one: Call, other: Call) -> bool {
        // In the order of the functions' clocks, which is not always the true one.
        let (first_ms, last_ms) = (one.at_ms.min(other.at_ms), one.at_ms.max(other.at_ms));
        self.terms.iter().any(|since| since.at_ms > first_ms && since.at_ms <= last_ms)
    }

    /// The most that the terms allowed which somebody may have known when a request began.
    fn most(&self, call: Call, of: impl Fn(&Terms) -> u64) -> u64 {
        // Of two changes at once nobody knows which came last.
        let replaces = |by: &Since, since: &Since| {
            let after = since.answered_ms.is_some_and(|answered_ms| answered_ms <= by.at_ms);
            !std::ptr::eq(by, since)
                && after
                && by.answered_ms.is_some_and(|at| call.at_ms > at + OLD_TERMS_MS)
        };
        let ended = |since: &Since| self.terms.iter().any(|by| replaces(by, since));
        let known = self.terms.iter().filter(|since| since.at_ms <= call.at_ms && !ended(since));
        known.map(|since| of(&since.terms)).max().unwrap_or(0)
    }
}

/// The first window in which there was more than allowed at its end, with the count.
fn too_many(all: &[(i64, Call)], window_ms: i64, allowed: impl Fn(Call) -> u64) -> Option<(u64, u64)> {
    let (mut first, mut count) = (0, 0);
    for (at, call) in all {
        count += 1;
        while all.get(first).is_some_and(|(earlier, _)| *earlier <= at - window_ms) {
            first += 1;
            count -= 1;
        }
        if count > allowed(*call) {
            return Some((count, call.at_ms));
        }
    }
    None
}
