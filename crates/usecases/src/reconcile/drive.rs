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
use crate::{Error, jobs, pacing};

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

/// When to look again at parcels whose turn comes: at the next tick. What was planned for them changes with what their senders really do.
const NEXT_TURN: Duration = Duration::from_secs(30);

/// What is to be done about a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drive {
    /// Its turn comes, or its time.
    HandOut,
    /// It is put on its queue again if nobody works on it by then: something was lost or has stopped.
    Again(Timestamp, Repair),
}

fn drive_of(parcel: &Parcel) -> Drive {
    match &parcel.claim {
        // Its worker has until then; if it was driven after that already, that message has its time too.
        Some(claim) if parcel.driven_at < claim.until => Drive::Again(claim.until, Repair::Claim),
        Some(_) => Drive::Again(parcel.driven_at + PARCEL_PATIENCE, Repair::Claim),
        None if parcel.waits() => Drive::HandOut,
        None => Drive::Again(parcel.driven_at + PARCEL_PATIENCE, Repair::Parcel),
    }
}

/// When parcels next need something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Driven {
    /// Because their turn may come.
    pub(super) turn: Option<Timestamp>,
    /// Because something may have been lost or have stopped.
    pub(super) again: Option<Timestamp>,
}

/// When parcels next need something; what needs it by now is told as of then.
pub(super) fn look_at_parcels(parcels: &[Parcel], now: Timestamp) -> Driven {
    let mut driven = Driven::default();
    for parcel in parcels.iter().filter(|parcel| !parcel.done) {
        let (place, at) = match drive_of(parcel) {
            Drive::HandOut if parcel.has_its_time(now) => {
                (&mut driven.turn, (parcel.due_at - pacing::ON_QUEUE).max(now + NEXT_TURN))
            }
            Drive::HandOut => (&mut driven.turn, now + NEXT_TURN),
            Drive::Again(at, _) => (&mut driven.again, at),
        };
        *place = Some(place.map_or(at, |earlier| earlier.min(at)));
    }
    driven
}

/// Leaves parcels to the end of the tick, when all that wait for a sender are known.
pub(super) fn want_turns(tick: &Tick, action: &Action, parcels: &[Parcel]) {
    for parcel in parcels.iter().filter(|parcel| !parcel.done) {
        tick.turns.wants(action, parcel);
    }
}

/// Puts parcels on their queues again whose claim died or whose message was lost, and leaves those whose turn comes to the end of the tick.
/// Answers when the next one may need something.
///
/// # Errors
/// If a service gives no answer; what was driven meets a claim if it is driven twice.
pub(super) async fn drive_parcels<A>(
    deps: &Reconcile<A>,
    tick: &Tick,
    action: &Action,
    parcels: &[Parcel],
    now: Timestamp,
) -> Result<Driven, Error> {
    let open = || parcels.iter().filter(|parcel| !parcel.done).map(|parcel| (parcel, drive_of(parcel)));
    for channel in Channel::ALL {
        drive_again(deps, tick, action, channel, open(), now).await?;
    }
    want_turns(tick, action, parcels);
    // What was driven just now has its time again.
    let later = open().filter_map(|(_, drive)| match drive {
        Drive::Again(at, _) if at <= now => Some(now + PARCEL_PATIENCE),
        Drive::Again(at, _) => Some(at),
        Drive::HandOut => None,
    });
    Ok(Driven { again: later.min(), ..look_at_parcels(parcels, now) })
}

/// Those of one channel that were lost or have stopped.
async fn drive_again<'a, A>(
    deps: &Reconcile<A>,
    tick: &Tick,
    action: &Action,
    channel: Channel,
    open: impl Iterator<Item = (&'a Parcel, Drive)>,
    now: Timestamp,
) -> Result<(), Error> {
    let lost = |(parcel, drive): (&'a Parcel, Drive)| match drive {
        Drive::Again(at, repair) if at <= now && parcel.channel == channel => Some((parcel, repair)),
        Drive::Again(..) | Drive::HandOut => None,
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
