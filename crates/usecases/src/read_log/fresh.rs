//! Counts for those who watch an action: no older than 5 seconds, and counted at most once in 5 seconds however many watch.

use std::time::Duration;

use domain::{BulkActionStatus, Timestamp};
use store::action::{Action, Saved};

use super::ReadLog;
use crate::Error;
use crate::recount::recount;

/// How old counts may be, and how long nobody else counts.
const FRESH: Duration = Duration::from_secs(5);
const TRIES: u32 = 3;

/// The action with counts that are fresh enough, or being counted by somebody else.
///
/// # Errors
/// If the database gives no answer.
pub(super) async fn fresh(deps: &ReadLog, mut action: Action) -> Result<Action, Error> {
    let now = deps.clock.now();
    if !is_moving(&action) || !is_stale(&action, now) {
        return Ok(action);
    }
    // A claim, so that of many who watch one counts. When to look again is reconcile's affair and stays as it is.
    action.counting_at = Some(now);
    if deps.store.save_action(&mut action).await? == Saved::Stale {
        return as_it_is(deps, &action).await;
    }
    let counted = recount(&deps.store, deps.clock.as_ref(), &action).await?;
    for _ in 0..TRIES {
        counted.apply(&mut action);
        if deps.store.save_action(&mut action).await? == Saved::Yes {
            return Ok(action);
        }
        // Written by a worker, as happens all the time while rows are being written; or counted by reconcile.
        action = as_it_is(deps, &action).await?;
        if action.reconciled_at.is_some_and(|at| at >= counted.began_at) {
            break;
        }
    }
    Ok(action)
}

async fn as_it_is(deps: &ReadLog, action: &Action) -> Result<Action, Error> {
    deps.store.action(&action.org_id, action.id).await?.ok_or(Error::Missing("the action"))
}

/// Whether its rows may be changing.
fn is_moving(action: &Action) -> bool {
    match action.status {
        BulkActionStatus::Processing | BulkActionStatus::Delegated => true,
        BulkActionStatus::Completed | BulkActionStatus::Partial | BulkActionStatus::Failed => {
            action.due_at.is_some()
        }
        // No rows.
        BulkActionStatus::Queued | BulkActionStatus::Cancelled => false,
    }
}

fn is_stale(action: &Action, now: Timestamp) -> bool {
    let before = now - FRESH;
    [action.reconciled_at, action.counting_at].into_iter().flatten().all(|at| at <= before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_log::samples::action;

    fn secs(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn counts_are_stale_after_five_seconds_unless_somebody_is_counting() {
        let now = secs(100);
        let stale =
            |reconciled_at, counting_at| is_stale(&Action { reconciled_at, counting_at, ..action() }, now);
        assert!(stale(None, None));
        assert!(stale(Some(secs(95)), None));
        assert!(!stale(Some(secs(96)), None));
        assert!(!stale(Some(secs(90)), Some(secs(96))), "somebody is counting");
        assert!(stale(Some(secs(90)), Some(secs(95))), "whoever was counting has stopped");
    }

    #[test]
    fn an_action_without_rows_or_without_anything_to_come_is_not_counted() {
        use BulkActionStatus::{Cancelled, Completed, Delegated, Processing, Queued};
        for (status, due_at, expected) in [
            (Queued, Some(secs(1)), false),
            (Processing, Some(secs(1)), true),
            (Delegated, None, true),
            (Completed, None, false),
            (Completed, Some(secs(1)), true),
            (Cancelled, Some(secs(1)), false),
        ] {
            assert_eq!(is_moving(&Action { status, due_at, ..action() }), expected, "{status} {due_at:?}");
        }
    }
}
