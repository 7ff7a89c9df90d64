//! Counters of rows, and the rule that settles an action by them.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::{BulkActionStatus, MessageStatus};

/// How many rows are where. Rows that are not written yet are pending for the action, and not counted here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Delivered or read.
    pub success: u64,
    /// Failed.
    pub failed: u64,
    /// Skipped.
    pub skipped: u64,
    /// Accepted, or perhaps accepted, without a report in time.
    pub unconfirmed: u64,
    /// Rows that ever were with the provider for certain.
    pub sent: u64,
    /// Rows that ever were delivered.
    pub delivered: u64,
    /// Rows that were read.
    pub read: u64,
    /// Rows of which more is expected: neither of the first four.
    #[serde(default)]
    pub pending: u64,
    /// Rows that a member has answered.
    #[serde(default)]
    pub replied: u64,
    /// Rows after which a recipient opted out.
    #[serde(default)]
    pub opted_out: u64,
}

impl Counts {
    /// The counts of a single row. `was_sent`: the provider is known to have accepted it.
    pub fn of_row(status: MessageStatus, was_sent: bool) -> Self {
        let mut counts = Self::default();
        match status {
            MessageStatus::Queued | MessageStatus::Sending => counts.pending = 1,
            MessageStatus::Sent => {
                counts.pending = 1;
                counts.sent = 1;
            }
            MessageStatus::Unconfirmed => {
                counts.unconfirmed = 1;
                counts.sent = u64::from(was_sent);
            }
            MessageStatus::Failed => {
                counts.failed = 1;
                counts.sent = u64::from(was_sent);
            }
            MessageStatus::Delivered | MessageStatus::Read => {
                counts.success = 1;
                counts.sent = 1;
                counts.delivered = 1;
                counts.read = u64::from(status == MessageStatus::Read);
            }
            MessageStatus::Skipped => counts.skipped = 1,
        }
        counts
    }

    /// Rows that nothing more is expected of.
    pub fn settled(&self) -> u64 {
        self.success + self.failed + self.skipped + self.unconfirmed
    }

    /// All rows that were counted.
    pub fn rows(&self) -> u64 {
        self.settled() + self.pending
    }

    /// The status of an action of `total` rows once these are its counts; `None` while any is pending.
    pub fn settle(&self, total: u64) -> Option<BulkActionStatus> {
        if self.settled() < total {
            return None;
        }
        Some(match (self.failed, self.success + self.unconfirmed) {
            (0, _) => BulkActionStatus::Completed,
            (_, 0) => BulkActionStatus::Failed,
            _ => BulkActionStatus::Partial,
        })
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.success += other.success;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.unconfirmed += other.unconfirmed;
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.read += other.read;
        self.pending += other.pending;
        self.replied += other.replied;
        self.opted_out += other.opted_out;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(success: u64, failed: u64, skipped: u64, unconfirmed: u64) -> Counts {
        Counts { success, failed, skipped, unconfirmed, ..Counts::default() }
    }

    #[test]
    fn an_action_settles_by_what_failed_and_what_did_not() {
        use BulkActionStatus::{Completed, Failed, Partial};
        for (counts, expected) in [
            (counts(3, 0, 0, 0), Some(Completed)),
            (counts(0, 0, 3, 0), Some(Completed)),
            (counts(0, 0, 0, 3), Some(Completed)),
            (counts(2, 1, 0, 0), Some(Partial)),
            (counts(0, 1, 0, 2), Some(Partial)),
            (counts(0, 1, 2, 0), Some(Failed)),
            (counts(0, 3, 0, 0), Some(Failed)),
            (counts(2, 0, 0, 0), None),
        ] {
            assert_eq!(counts.settle(3), expected, "{counts:?}");
        }
    }

    #[test]
    fn a_row_is_counted_in_exactly_one_part_or_is_pending() {
        for status in MessageStatus::ALL {
            let counts = Counts::of_row(*status, true);
            assert_eq!(counts.settled(), u64::from(status.is_final()), "{status}");
            assert_eq!(counts.rows(), 1, "{status}");
        }
    }
}
