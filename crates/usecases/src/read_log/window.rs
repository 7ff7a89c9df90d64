//! Actions whose rows may lie among each other in time, to be gone through together.
//!
//! The organisation's log has no index of rows: it is read through its actions. These are listed by the time of their acceptance, but the rows of
//! one may be written while those of the next are. A window holds so many actions that no row of an action behind it is newer than one of its own,
//! as far as that can be seen from the actions that are looked at.

use std::time::Duration;

use domain::{BulkActionStatus, Timestamp};
use store::action::Action;

/// Actions that are looked at to find a window.
pub(super) const LOOKED_AT: usize = 50;
/// Rows up to which actions are gone through together anyway, since one look at several is cheaper than several.
const FEW_ROWS: u64 = 1_000;
/// Rows beyond which no more actions are gone through together.
const MOST_ROWS: u64 = 300_000;
/// By how much the clocks of two workers may differ.
const CLOCKS: Duration = Duration::from_secs(2);

/// Between which times the rows of an action were created; `None` if it has none. It is open as long as they are being written.
pub(super) fn written(action: &Action) -> Option<(Timestamp, Timestamp)> {
    let end_of_time = Timestamp::from_millis(i64::MAX);
    let started = action.started_at?;
    match action.status {
        BulkActionStatus::Queued | BulkActionStatus::Cancelled => None,
        BulkActionStatus::Processing
        | BulkActionStatus::Delegated
        | BulkActionStatus::Completed
        | BulkActionStatus::Partial
        | BulkActionStatus::Failed => {
            Some((started - CLOCKS, action.delegated_at.map_or(end_of_time, |at| at + CLOCKS)))
        }
    }
}

/// How many of `actions`, which are the next of the list, make a window: at least one if there are any.
pub(super) fn window(actions: &[Action]) -> usize {
    let rows = |count: usize| actions.iter().take(count).map(|action| action.total).sum::<u64>();
    let mut count =
        (1..=actions.len()).take_while(|count| *count == 1 || rows(*count) <= FEW_ROWS).last().unwrap_or(0);
    loop {
        let starts = actions.iter().take(count).filter_map(written).map(|(start, _)| start);
        let Some(earliest) = starts.min() else { return count };
        let among = |action: &Action| written(action).is_some_and(|(_, end)| end >= earliest);
        match actions.iter().skip(count).rposition(among).map(|last| count + last + 1) {
            Some(more) if rows(more) <= MOST_ROWS => count = more,
            Some(_) | None => return count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_log::samples::action;

    fn secs(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// An action of many rows, written between two times.
    fn big(start: i64, end: Option<i64>) -> Action {
        Action { total: 5_000, started_at: Some(secs(start)), delegated_at: end.map(secs), ..action() }
    }

    #[test]
    fn an_action_that_was_written_by_itself_is_gone_through_by_itself() {
        assert_eq!(window(&[big(1_000, Some(1_010)), big(900, Some(950))]), 1);
        assert_eq!(window(&[]), 0);
    }

    #[test]
    fn actions_that_were_written_at_the_same_time_are_gone_through_together() {
        let actions =
            [big(1_000, Some(1_010)), big(900, Some(905)), big(800, Some(1_003)), big(700, Some(750))];
        assert_eq!(window(&actions), 3, "the third reaches into the first, so the second lies among them");
    }

    #[test]
    fn an_action_that_is_still_being_written_lies_among_all_newer_ones() {
        assert_eq!(window(&[big(1_000, Some(1_010)), big(900, None), big(700, Some(750))]), 2);
    }

    #[test]
    fn small_actions_are_gone_through_together() {
        let small = |start| Action { total: 400, ..big(start, Some(start + 1)) };
        assert_eq!(window(&[small(1_000), small(900), small(800)]), 2);
    }

    #[test]
    fn an_action_without_rows_lies_nowhere() {
        let waiting = Action { started_at: None, status: BulkActionStatus::Queued, ..big(0, None) };
        assert_eq!(window(&[big(1_000, Some(1_010)), waiting.clone()]), 1);
        assert_eq!(window(&[waiting, big(1_000, Some(1_010))]), 1);
    }
}
