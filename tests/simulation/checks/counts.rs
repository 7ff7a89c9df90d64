//! P3: counters are those of the rows.

use domain::counts::Counts;
use domain::{BulkActionStatus, SendSource};

use super::{Sent, key};
use crate::simulation::core::Core;

pub(super) fn check(core: &Core, sent: &[Sent]) {
    for sent in sent {
        let action = &sent.action;
        let mut counts = Counts::default();
        for row in &sent.rows {
            counts += row.counts();
        }
        let stopped = action.failure_reason.is_some();
        if action.status == BulkActionStatus::Cancelled {
            counts.skipped += action.total;
        } else if stopped {
            counts.failed += action.total.saturating_sub(counts.rows());
        }
        if action.counts != counts {
            let what = format!("its counters are {:?}, its rows {counts:?}", action.counts);
            core.violated("P3", key(action.id), what);
        }
        if counts.rows() != action.total {
            core.violated("P2", key(action.id), format!("{} rows of {}", counts.rows(), action.total));
        }
        let mut of_chunks = Counts::default();
        for chunk in &sent.chunks {
            of_chunks += chunk.total();
        }
        if !stopped && action.status != BulkActionStatus::Cancelled && of_chunks != counts {
            core.violated(
                "P3",
                key(action.id),
                format!("its chunks count {of_chunks:?}, its rows {counts:?}"),
            );
        }
        let settled = counts.settle(action.total);
        let expected = settled.filter(|_| !stopped && action.status != BulkActionStatus::Cancelled);
        if expected.is_some_and(|expected| expected != action.status) {
            core.violated(
                "P3",
                key(action.id),
                format!("it is {}, its rows say {expected:?}", action.status),
            );
        }
        history(core, sent);
    }
}

/// Its moves are legal, one after the other.
fn history(core: &Core, sent: &Sent) {
    let action = &sent.action;
    if action.source == SendSource::Single {
        // It begins where a bulk action is delegated, or settled.
        return;
    }
    for pair in action.history.windows(2) {
        let [from, to] = pair else { continue };
        if from.status.step(to.status) != domain::status::Transition::To(to.status) {
            core.violated("P5", key(action.id), format!("it moved from {} to {}", from.status, to.status));
        }
    }
    if action.history.last().map(|last| last.status) != Some(action.status) {
        core.violated("P5", key(action.id), "its history does not end where it is");
    }
}
