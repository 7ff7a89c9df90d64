//! What a run of reconcile did and found. What a repair is and what drift is, is defined in the README of `telemetry`; outside faults there is
//! neither.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::{BulkActionId, BulkActionStatus, Clock, Inquiry, OrgId};
use store::Store;
use store::action::Action;
use store::chunk::Chunk;
use store::row::Row;
use telemetry::{Drift, Metric, Repair};
use ulid::Ulid;

use super::ask::Questions;
use super::follow::Turns;
use crate::Error;
use crate::recount::{counted_of, sum};

/// What a run did and found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Actions looked at.
    pub looked_at: usize,
    /// What had been lost or had stopped.
    pub repairs: BTreeMap<Repair, usize>,
    /// Counts that were wrong.
    pub drift: BTreeMap<Drift, usize>,
    /// What came of asking providers.
    pub inquiries: BTreeMap<Inquiry, usize>,
    /// Actions that could not be finished with; the next tick comes back to them.
    pub failed: usize,
}

impl Report {
    /// As metrics. All kinds together are told also if there was none, so that a line that ends is told from a zero.
    pub(super) fn emit(&self, clock: &dyn Clock) {
        let all = [
            Metric::ReconcileHeartbeat,
            Metric::ReconcileRepairs(self.repairs.values().sum()),
            Metric::ReconcileDrift(self.drift.values().sum()),
            Metric::ReconcileFailed(self.failed),
        ];
        let repairs = self.repairs.iter().map(|(kind, count)| Metric::ReconcileRepairsOf(*kind, *count));
        let drift = self.drift.iter().map(|(kind, count)| Metric::ReconcileDriftOf(*kind, *count));
        let asked = self.inquiries.iter().map(|(kind, count)| Metric::ReconcileInquiriesOf(*kind, *count));
        for metric in all.into_iter().chain(repairs).chain(drift).chain(asked) {
            telemetry::emit(clock, metric);
        }
    }
}

/// One run: what it may still ask, and what it has done and found so far.
pub(super) struct Tick {
    pub(super) questions: Questions,
    pub(super) turns: Turns,
    report: Mutex<Report>,
}

impl Tick {
    pub(super) fn new(questions: Questions) -> Self {
        Self { questions, turns: Turns::default(), report: Mutex::default() }
    }

    pub(super) fn repaired(&self, kind: Repair, count: usize) {
        self.note(|report| *report.repairs.entry(kind).or_default() += count);
    }

    pub(super) fn drifted(&self, kind: Drift) {
        self.note(|report| *report.drift.entry(kind).or_default() += 1);
    }

    pub(super) fn inquired(&self, inquiry: Inquiry) {
        self.note(|report| *report.inquiries.entry(inquiry).or_default() += 1);
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn into_report(self) -> Report {
        self.report.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the action's counters differ from the sum of its chunks, all of which are as they were when they were added up. Both as they were
/// read: the action first.
pub(super) fn action_drifted(action: &Action, chunks: &[Chunk]) -> bool {
    action.status != BulkActionStatus::Cancelled
        && action.counted_of == Some(counted_of(chunks))
        && action.counts != sum(chunks, action)
}

/// Whether the action has not as many rows as it should have, all of them being written.
pub(super) fn total_drifted(action: &Action, chunks: &[Chunk]) -> bool {
    let written = match action.status {
        BulkActionStatus::Queued | BulkActionStatus::Processing | BulkActionStatus::Cancelled => false,
        BulkActionStatus::Delegated | BulkActionStatus::Completed | BulkActionStatus::Partial => true,
        BulkActionStatus::Failed => action.failure_reason.is_none(),
    };
    let rows: u64 = chunks.iter().map(|chunk| chunk.total().rows()).sum();
    written && rows != action.total
}

/// Whether the counts of a chunk, read without a note, differ from its rows, which were read after it.
///
/// # Errors
/// If the database gives no answer.
pub(super) async fn chunk_drifted(
    store: &Store,
    org: &OrgId,
    send: Ulid,
    chunk: &Chunk,
    rows: &[Row],
) -> Result<bool, Error> {
    if chunk.noted_until.is_some() || Chunk::of_rows(chunk.number, rows).counts == chunk.counts {
        return Ok(false);
    }
    // Only now, when it matters: somebody may have promised changes since and made them.
    let now = store.chunk(org, send, chunk.number).await?;
    let drifted = now.is_some_and(|now| now.noted_until.is_none() && now.version == chunk.version);
    if drifted {
        let bulk_action_id = BulkActionId::new(send);
        tracing::error!(
            org_id = %org, bulk_action_id = %bulk_action_id, chunk = chunk.number,
            "a chunk's counts were not those of its rows"
        );
    }
    Ok(drifted)
}
