//! What every run of reconcile in a world is held to: outside injected faults nothing has to be repaired, and no count is ever wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use telemetry::{Drift, Repair};
use usecases::reconcile::Report;

use super::World;

/// What the runs of reconcile did, and what a test has reason to expect.
#[derive(Default)]
pub(super) struct Law(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    reports: Vec<Report>,
    work_is_lost: bool,
    counts_are_falsified: bool,
}

impl Law {
    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn note(&self, report: &Report) {
        self.with(|seen| seen.reports.push(report.clone()));
    }

    /// # Panics
    /// If something was repaired or had drifted for which the test gave no reason.
    pub(super) fn check(&self) {
        self.with(|seen| {
            for report in &seen.reports {
                assert!(seen.work_is_lost || report.repairs.is_empty(), "nothing was lost: {report:?}");
                assert!(
                    seen.counts_are_falsified || report.drift.is_empty(),
                    "a count was wrong: {report:?}"
                );
                assert_eq!(report.failed, 0, "an action could not be reconciled: {report:?}");
            }
        });
    }
}

impl World {
    /// What reconcile repaired so far.
    pub fn repairs(&self) -> BTreeMap<Repair, usize> {
        self.law.with(|seen| added_up(seen.reports.iter().map(|report| &report.repairs)))
    }

    /// What reconcile found wrong so far.
    pub fn drift(&self) -> BTreeMap<Drift, usize> {
        self.law.with(|seen| added_up(seen.reports.iter().map(|report| &report.drift)))
    }

    /// From now on work may be lost or stop half-way, or time may pass over it: reconcile may have to repair. Purging the queues and crashing a
    /// function say so by themselves.
    pub fn work_is_lost(&self) {
        self.law.with(|seen| seen.work_is_lost = true);
    }

    /// From now on the test writes counts of its own: reconcile may find them wrong.
    pub fn counts_are_falsified(&self) {
        self.law.with(|seen| seen.counts_are_falsified = true);
    }
}

fn added_up<'a, K: Copy + Ord + 'a>(all: impl Iterator<Item = &'a BTreeMap<K, usize>>) -> BTreeMap<K, usize> {
    let mut sum = BTreeMap::new();
    for (kind, count) in all.flatten() {
        *sum.entry(*kind).or_default() += count;
    }
    sum
}
