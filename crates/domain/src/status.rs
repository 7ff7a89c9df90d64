//! The two state machines: of a message and of a bulk action.

use crate::spelled::spelled;

/// What happens to a state when something is reported about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition<S> {
    /// The state moves.
    To(S),
    /// The news is old: the state is there already or beyond. Normal, since reports come twice and out of order.
    AlreadyPast,
    /// The news contradicts the state.
    Illegal,
}

spelled!(
    /// Where a message is. The order of the variants is the order in which a message climbs; `skipped` stands apart.
    MessageStatus {
        /// Its row is written; it waits for its slot.
        Queued = "queued",
        /// A dispatcher may have called the provider.
        Sending = "sending",
        /// The provider accepted it.
        Sent = "sent",
        /// Accepted, or perhaps accepted, and no report came in time.
        Unconfirmed = "unconfirmed",
        /// It failed, for a reason that is kept beside.
        Failed = "failed",
        /// The provider reported delivery.
        Delivered = "delivered",
        /// The provider reported that it was read.
        Read = "read",
        /// Deliberately not sent.
        Skipped = "skipped",
    }
);

impl MessageStatus {
    /// Whether a report of `to` moves a message that is here. Every move climbs, so reports may come late, twice and out of order.
    pub fn climb(self, to: Self) -> Transition<Self> {
        match (self, to) {
            // Skipped is an end: nothing was sent, so no honest report can follow. A provider may refuse for an opt-out at any time before
            // delivery, and not after.
            (Self::Skipped, _) | (Self::Delivered | Self::Read | Self::Failed, Self::Skipped) => {
                Transition::AlreadyPast
            }
            (_, Self::Skipped) => Transition::To(Self::Skipped),
            (from, to) if to > from => Transition::To(to),
            _ => Transition::AlreadyPast,
        }
    }

    /// The statuses from which a message may move to this one: the condition of the write that moves it.
    pub fn reachable_from(self) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |from| from.climb(self) == Transition::To(self))
    }

    /// Whether nothing more is expected. Late receipts may still correct it.
    pub fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Sending | Self::Sent => false,
            Self::Unconfirmed | Self::Failed | Self::Delivered | Self::Read | Self::Skipped => true,
        }
    }
}

spelled!(
    /// Where a bulk action is.
    BulkActionStatus {
        /// Accepted, not started.
        Queued = "queued",
        /// Recipients are being resolved and rows written.
        Processing = "processing",
        /// Every row is written; deliveries are coming back.
        Delegated = "delegated",
        /// Settled, nothing failed.
        Completed = "completed",
        /// Settled; some failed, some did not.
        Partial = "partial",
        /// Settled, some failed and none succeeded or is unconfirmed; or stopped by a system-level error.
        Failed = "failed",
        /// Cancelled while queued.
        Cancelled = "cancelled",
    }
);

impl BulkActionStatus {
    /// Whether the action may move to `to`.
    pub fn step(self, to: Self) -> Transition<Self> {
        if self == to {
            return Transition::AlreadyPast;
        }
        let legal = match self {
            Self::Queued => matches!(to, Self::Processing | Self::Cancelled | Self::Failed),
            Self::Processing => matches!(to, Self::Delegated | Self::Failed),
            // Late receipts move a settled action among the settled statuses.
            Self::Delegated | Self::Completed | Self::Partial | Self::Failed => {
                matches!(to, Self::Completed | Self::Partial | Self::Failed)
            }
            Self::Cancelled => false,
        };
        if legal { Transition::To(to) } else { Transition::Illegal }
    }

    /// Whether all of its recipients are settled.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Queued | Self::Processing | Self::Delegated => false,
            Self::Completed | Self::Partial | Self::Failed | Self::Cancelled => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_status() -> impl Strategy<Value = MessageStatus> {
        proptest::sample::select(MessageStatus::ALL)
    }

    fn step(from: MessageStatus, to: MessageStatus) -> MessageStatus {
        match from.climb(to) {
            Transition::To(next) => next,
            Transition::AlreadyPast | Transition::Illegal => from,
        }
    }

    proptest! {
        #[test]
        fn a_report_that_comes_twice_changes_nothing(from in any_status(), to in any_status()) {
            prop_assert_eq!(step(step(from, to), to), step(from, to));
        }

        #[test]
        fn reports_of_one_provider_end_alike_in_any_order(
            mut reports in proptest::collection::vec(
                proptest::sample::select(&[MessageStatus::Sent, MessageStatus::Failed, MessageStatus::Delivered, MessageStatus::Read][..]), 1..6),
        ) {
            let forward = reports.iter().fold(MessageStatus::Queued, |s, r| step(s, *r));
            reports.reverse();
            prop_assert_eq!(forward, reports.iter().fold(MessageStatus::Queued, |s, r| step(s, *r)));
        }

        #[test]
        fn nothing_moves_back(from in any_status(), to in any_status()) {
            prop_assert!(step(from, to) >= from || to == MessageStatus::Skipped);
        }
    }

    #[test]
    fn a_failure_is_corrected_only_by_a_delivery_report() {
        let from: Vec<_> = MessageStatus::ALL
            .iter()
            .filter(|to| step(MessageStatus::Failed, **to) != MessageStatus::Failed)
            .collect();
        assert_eq!(from, [&MessageStatus::Delivered, &MessageStatus::Read]);
    }

    #[test]
    fn an_action_is_cancelled_only_while_queued() {
        for status in BulkActionStatus::ALL {
            let legal =
                status.step(BulkActionStatus::Cancelled) == Transition::To(BulkActionStatus::Cancelled);
            assert_eq!(legal, *status == BulkActionStatus::Queued, "{status}");
        }
    }
}
