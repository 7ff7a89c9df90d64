//! P7: what each sender was asked to send, by the clocks of those who asked, and the terms that it had.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::pace::{TOLERANCE, Terms};
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

    /// Somebody begins to set terms.
    pub(crate) fn sets(&self, channel: Channel, terms: Terms, at_ms: u64) {
        let since = Since { at_ms, answered_ms: None, terms };
        self.senders().entry(channel).or_default().terms.push(since);
    }

    /// Whoever set terms last was told that they hold.
    pub(crate) fn has_set(&self, channel: Channel, at_ms: u64) {
        if let Some(since) = self.senders().entry(channel).or_default().terms.last_mut() {
            since.answered_ms = Some(at_ms);
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
        let mut slots: Vec<(i64, Call)> = Vec::new();
        for call in &calls {
            let rate = self.most(*call, |terms| u64::from(terms.rate.thousandths()));
            // A message of several slots fills those after its own, too.
            let slot_ms = (SECOND_MS as u64 + TOLERANCE.as_millis() as u64) * 1_000 / rate.max(1);
            slots.extend((0..call.units).map(|unit| (call.clock_ms + (unit * slot_ms) as i64, *call)));
        }
        slots.sort_by_key(|(at, _)| *at);
        let second = too_many(&slots, SECOND_MS, |call| {
            self.most(call, |terms| u64::from(terms.rate.thousandths())) as usize / 1_000
        });
        let messages: Vec<(i64, Call)> = calls.iter().map(|call| (call.clock_ms, *call)).collect();
        let always_limited = self.terms.iter().all(|since| since.terms.per_day.is_some());
        let day = too_many(&messages, DAY_MS, |_| {
            let limits = self.terms.iter().filter_map(|since| since.terms.per_day);
            if always_limited { limits.max().unwrap_or(u32::MAX) as usize } else { usize::MAX }
        });
        let told = |what: &str, (count, at): (usize, u64)| {
            format!(
                "the {channel} sender was asked {count} times in a {what} that ends {at} ms after the beginning; {:?}",
                self.terms
            )
        };
        second
            .map(|found| told("second", found))
            .into_iter()
            .chain(day.map(|found| told("day", found)))
            .collect()
    }

    /// The most that the terms allowed which somebody may have known when a request began.
    fn most(&self, call: Call, of: impl Fn(&Terms) -> u64) -> u64 {
        let ended = |number: usize| {
            let next = self.terms.get(number + 1).and_then(|since| since.answered_ms);
            next.is_some_and(|at| call.at_ms > at + OLD_TERMS_MS)
        };
        let known = self
            .terms
            .iter()
            .enumerate()
            .filter(|(number, since)| since.at_ms <= call.at_ms && !ended(*number));
        known.map(|(_, since)| of(&since.terms)).max().unwrap_or(0)
    }
}

/// The first window in which there was more than allowed at its end, with the count.
fn too_many(all: &[(i64, Call)], window_ms: i64, allowed: impl Fn(Call) -> usize) -> Option<(usize, u64)> {
    let mut first = 0;
    for (number, (at, call)) in all.iter().enumerate() {
        while all.get(first).is_some_and(|(earlier, _)| *earlier <= at - window_ms) {
            first += 1;
        }
        let count = number + 1 - first;
        if count > allowed(*call) {
            return Some((count, call.at_ms));
        }
    }
    None
}
