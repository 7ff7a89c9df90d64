//! The only source of chance in a simulation.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Ids;

/// Dice that fall the same way for the same seed.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    pub(crate) fn of(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    fn rng(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something of this probability happens. What never happens costs no throw.
    pub(crate) fn happens(&self, rate: f64) -> bool {
        rate > 0.0 && self.rng().f64() < rate
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        self.rng().u64(low..=high)
    }

    /// The same for counts.
    pub(crate) fn count(&self, low: usize, high: usize) -> usize {
        self.rng().usize(low..=high)
    }

    /// One of `all`, which must not be empty.
    pub(crate) fn pick<'a, T>(&self, all: &'a [T]) -> &'a T {
        &all[self.rng().usize(..all.len())]
    }

    /// As [`Self::between`], but small numbers are likelier: each order of magnitude has the same chance.
    pub(crate) fn mostly_small(&self, low: u64, high: u64) -> u64 {
        let magnitude = 64 - high.leading_zeros();
        let bits = self.rng().u32(0..=magnitude);
        let below = 1_u64.checked_shl(bits).unwrap_or(high).min(high);
        self.between(low, low.max(below))
    }

    /// `all` in another order.
    pub(crate) fn shuffle<T>(&self, all: &mut [T]) {
        self.rng().shuffle(all);
    }
}

impl Ids for Dice {
    fn random(&self) -> u128 {
        self.rng().u128(..)
    }
}
