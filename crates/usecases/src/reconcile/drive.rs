//! What should have happened by now and did not is driven again, through the normal path; what is to happen at its time is handed out.

use std::time::Duration;

use domain::{BulkActionStatus, Channel, FailureCode, Timestamp};
use store::action::{Action, FAN_OUT_PATIENCE};
use store::parcel::Parcel;
use telemetry::Repair;
use wire::queue::{DispatchJob, SendMessageJob};

use super::Reconcile;
use super::measure::Tick;
use crate::jobs::HANDED_OUT_BEFORE;
use crate::{Error, jobs};

/// How long a parcel may wait on its queue before its message is taken for lost. A message too many meets a claim.
const PARCEL_PATIENCE: Duration = Duration::from_mins(2);
/// Fan-outs that may come to nothing before the action is given up.
const MAX_DRIVES: u32 = 5;

/// The job that starts a scheduled action whose time is near, once.
pub(super) fn hand_out(action: &mut Action, now: Timestamp) -> Option<(SendMessageJob, Duration)> {
    let at = action.schedule_at.filter(|at| *at <= now + HANDED_OUT_BEFORE)?;
    if action.status != BulkActionStatus::Queued || action.handed_out {
        return None;
    }
    action.handed_out = true;
    // What was missed, because nothing ran at the time, starts now.
    action.fan_out_at = at.max(now);
    Some((jobs::first(action), jobs::delay(now, at)))
}

/// What is done about a fan-out that came to nothing.
pub(super) struct FanOut {
    /// Blocks that are to be put on the queue again.
    pub(super) jobs: Vec<SendMessageJob>,
    /// What that is, or what was done instead, and how often.
    pub(super) repair: Option<(Repair, usize)>,
}

/// Drives the blocks again that should have been written by now, unless the action is given up.
pub(super) fn missing_blocks(action: &mut Action, now: Timestamp) -> FanOut {
    let writing = matches!(action.status, BulkActionStatus::Queued | BulkActionStatus::Processing);
    if !writing || !action.handed_out || now < action.fan_out_at + FAN_OUT_PATIENCE {
        return FanOut { jobs: Vec::new(), repair: None };
    }
    let jobs: Vec<SendMessageJob> =
        jobs::open_blocks(action).into_iter().map(|block| jobs::block(action, block)).collect();
    if jobs.is_empty() {
        // The worker that wrote the last block stopped before it could say so.
        action.enter(BulkActionStatus::Delegated, now, "reconcile");
        action.delegated_at = Some(now);
        tracing::warn!(bulk_action_id = %action.id, "an action was delegated that nobody had delegated");
        return FanOut { jobs, repair: Some((Repair::Delegated, 1)) };
    }
    if action.drives >= MAX_DRIVES {
        action.enter(BulkActionStatus::Failed, now, "reconcile");
        action.failure_reason = Some(FailureCode::InternalError.to_string());
        action.finished_at = Some(now);
        tracing::error!(bulk_action_id = %action.id, "an action's rows could not be written");
        return FanOut { jobs: Vec::new(), repair: Some((Repair::GivenUp, 1)) };
    }
    action.drives += 1;
    action.fan_out_at = now;
    action.repaired_at = Some(now);
    tracing::warn!(bulk_action_id = %action.id, blocks = jobs.len(), "a fan-out was driven again");
    let repair = Some((Repair::Block, jobs.len()));
    FanOut { jobs, repair }
}

/// Why a parcel is put on its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drive {
    /// Its time is near, and it was too far ahead when it was given back.
    HandOut,
    /// Something was lost or has stopped.
    Again(Repair),
}

/// When a parcel must be put on its queue unless somebody works on it before, and why.
fn drive_of(parcel: &Parcel) -> (Timestamp, Drive) {
    match &parcel.claim {
        // Its worker has until then; if it was driven after that already, that message has its time too.
        Some(claim) if parcel.driven_at < claim.until => (claim.until, Drive::Again(Repair::Claim)),
        Some(_) => (parcel.driven_at + PARCEL_PATIENCE, Drive::Again(Repair::Claim)),
        None if parcel.driven_at < parcel.due_at => (parcel.due_at - HANDED_OUT_BEFORE, Drive::HandOut),
        None => (parcel.driven_at + PARCEL_PATIENCE, Drive::Again(Repair::Parcel)),
    }
}

/// Puts parcels on their queues whose time is near, whose claim died or whose message was lost. Answers when the next one may need it.
///
/// # Errors
/// If a service gives no answer; what was driven meets a claim if it is driven twice.
pub(super) async fn drive_parcels<A>(
    deps: &Reconcile<A>,
    tick: &Tick,
    action: &Action,
    parcels: &[Parcel],
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let open = || parcels.iter().filter(|parcel| !parcel.done).map(|parcel| (parcel, drive_of(parcel)));
    for (parcel, _) in open().filter(|(_, (at, why))| *at <= now && *why == Drive::HandOut) {
        let delay = jobs::delay(now, parcel.due_at);
        deps.dispatch.of(parcel.channel).send(&[jobs::dispatch(action, parcel)], delay).await?;
        let at = parcel.due_at.max(now);
        deps.store.parcel_handed_out(&action.org_id, action.id.ulid(), parcel, at).await?;
    }
    for channel in Channel::ALL {
        drive_again(deps, tick, action, channel, open(), now).await?;
    }
    let next = |parcel: &Parcel, at: Timestamp| {
        if at <= now { parcel.due_at.max(now) + PARCEL_PATIENCE } else { at }
    };
    Ok(open().map(|(parcel, (at, _))| next(parcel, at)).min())
}

/// Those of one channel that were lost or have stopped.
async fn drive_again<'a, A>(
    deps: &Reconcile<A>,
    tick: &Tick,
    action: &Action,
    channel: Channel,
    open: impl Iterator<Item = (&'a Parcel, (Timestamp, Drive))>,
    now: Timestamp,
) -> Result<(), Error> {
    let lost = |(parcel, (at, why)): (&'a Parcel, (Timestamp, Drive))| match why {
        Drive::Again(repair) if at <= now && parcel.channel == channel => Some((parcel, repair)),
        Drive::Again(_) | Drive::HandOut => None,
    };
    let lost: Vec<(&Parcel, Repair)> = open.filter_map(lost).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let jobs: Vec<DispatchJob> = lost.iter().map(|(parcel, _)| jobs::dispatch(action, parcel)).collect();
    deps.dispatch.of(channel).send(&jobs, Duration::ZERO).await?;
    tracing::warn!(bulk_action_id = %action.id, %channel, parcels = jobs.len(), "parcels were driven again");
    for (parcel, repair) in lost {
        tick.repaired(repair, 1);
        deps.store.parcel_repaired(&action.org_id, action.id.ulid(), parcel, now).await?;
    }
    Ok(())
}
