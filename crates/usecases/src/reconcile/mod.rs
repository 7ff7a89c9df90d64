//! `reconcile`, every minute: looks at every action that is due, counts, settles, asks providers about messages whose report never came, and
//! drives what was lost again through the normal path. It takes no input and sends nothing. Running it twice, also at the same time, changes
//! nothing more.

mod ask;
mod inquire;
mod silent;

use std::sync::Arc;
use std::time::Duration;

use channels::LookUp;
use domain::{BulkActionId, BulkActionStatus, Channel, Clock, FailureCode, OrgId, Timestamp};
use futures_util::{StreamExt, stream};
use queue::Queue;
use store::Store;
use store::action::{Action, FAN_OUT_PATIENCE, Saved};
use store::chunk::Chunk;
use store::parcel::Parcel;
use wire::queue::{DispatchJob, SendMessageJob};

use crate::jobs::{DispatchQueues, HANDED_OUT_BEFORE};
use crate::recount::{Recount, Windows, count_noted};
use crate::secrets::SecretSource;
use crate::{Error, jobs};
use ask::Questions;
use silent::Silence;

pub use ask::{Ask, AskTwilio};

/// Due actions that are read of each shard of the work index: more wait for the next tick.
const PER_SHARD: i32 = 100;
const CONCURRENT: usize = 8;
/// How long a parcel may wait on its queue before its message is taken for lost. A message too many meets a claim.
const PARCEL_PATIENCE: Duration = Duration::from_mins(2);
/// Fan-outs that may come to nothing before the action is given up.
const MAX_DRIVES: u32 = 5;
const TRIES: u32 = 5;
/// When to look again at an action of which nothing in particular is expected but which is not settled either.
const NEXT_TICK: Duration = Duration::from_mins(1);

/// What `reconcile` needs.
pub struct Reconcile<A> {
    /// The database.
    pub store: Store,
    /// Where fan-outs are driven again.
    pub send_message: Queue<SendMessageJob>,
    /// Where parcels are driven again.
    pub dispatch: DispatchQueues,
    /// Credentials of those who can be asked.
    pub secrets: Arc<dyn SecretSource>,
    /// The way to them.
    pub ask: A,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

/// What a run did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Actions looked at.
    pub looked_at: usize,
    /// Blocks and parcels put on their queues again: outside faults and deploys this is zero.
    pub driven: usize,
    /// Actions that could not be finished with; the next tick comes back to them.
    pub failed: usize,
}

/// One tick: reconciles and measures.
///
/// # Errors
/// As [`reconcile`].
pub async fn run<A: Ask>(deps: &Reconcile<A>, deadline: Timestamp) -> Result<(), Error> {
    let report = reconcile(deps, deadline).await?;
    for metric in [
        telemetry::Metric::ReconcileHeartbeat,
        telemetry::Metric::ReconcileDriven(report.driven),
        telemetry::Metric::ReconcileFailed(report.failed),
    ] {
        telemetry::emit(deps.clock.as_ref(), metric);
    }
    Ok(())
}

/// Looks at every due action until `deadline`.
///
/// # Errors
/// If the work index cannot be read. A single action's trouble is reported, not returned: it must not hold up the others.
pub async fn reconcile<A: Ask>(deps: &Reconcile<A>, deadline: Timestamp) -> Result<Report, Error> {
    let now = deps.clock.now();
    let due = deps.store.due_actions(now, PER_SHARD).await?;
    let questions = &Questions::new(now, deadline, A::LookUp::TIMEOUT);
    let results: Vec<Result<usize, Error>> = stream::iter(due)
        .map(|(org, id)| async move {
            if deps.clock.now() >= deadline { Ok(0) } else { look_at(deps, questions, &org, id).await }
        })
        .buffer_unordered(CONCURRENT)
        .inspect(|result| {
            if let Err(error) = result {
                tracing::error!(error = %telemetry::chain(error), "an action could not be reconciled");
            }
        })
        .collect()
        .await;
    let mut report = Report { looked_at: results.len(), ..Report::default() };
    for result in results {
        match result {
            Ok(driven) => report.driven += driven,
            Err(_) => report.failed += 1,
        }
    }
    Ok(report)
}

/// One action. Answers how much was driven again.
async fn look_at<A: Ask>(
    deps: &Reconcile<A>,
    questions: &Questions,
    org: &OrgId,
    id: BulkActionId,
) -> Result<usize, Error> {
    let mut driven = 0;
    for _ in 0..TRIES {
        let Some(mut action) = deps.store.action(org, id).await? else { return Ok(driven) };
        let now = deps.clock.now();
        if action.due_at.is_none_or(|due| due > now) {
            return Ok(driven);
        }
        let counted = count(deps, questions, &action, now).await?;
        let start = hand_out(&mut action, now);
        let fan_out = missing_blocks(&mut action, now);
        let parcels = deps.store.parcels(org, id.ulid()).await?;
        let (parcels_driven, parcel_due) = drive_parcels(deps, &action, &parcels, now).await?;
        driven += parcels_driven;
        counted.apply(&mut action);
        action.due_at = next_due(&action, now, [counted.next_look(), parcel_due]);
        if deps.store.save_action(&mut action).await? == Saved::Yes {
            // After the save, so that a lost race does not drive twice; what is not sent now is found again.
            if let Some((job, delay)) = start {
                deps.send_message.send(&[job], delay).await?;
            }
            deps.send_message.send(&fan_out, Duration::ZERO).await?;
            return Ok(driven + fan_out.len());
        }
    }
    // A busy action: its notes keep it due.
    Ok(driven)
}

/// Counts what was noted, and ends the silence of what was to be reported by now.
async fn count<A: Ask>(
    deps: &Reconcile<A>,
    questions: &Questions,
    action: &Action,
    now: Timestamp,
) -> Result<Recount, Error> {
    let (org, id) = (&action.org_id, action.id);
    let content = deps.store.content(org, id).await?.ok_or(Error::Missing("the content"))?;
    let windows = &Windows::in_content(&content);
    let mut silence = Silence::new(deps, questions, action, &content, windows);
    let chunks = deps.store.chunks(org, id.ulid()).await?;
    let (silent, others): (Vec<Chunk>, Vec<Chunk>) =
        chunks.into_iter().partition(|chunk| silence.is_over(chunk, now));
    let mut chunks = count_noted(&deps.store, action, windows, others, now).await?;
    for chunk in silent {
        // Others may have used the tick's questions up in the meantime.
        let over = silence.is_over(&chunk, now);
        chunks.push(if over { silence.end(chunk).await? } else { chunk });
    }
    Ok(Recount { began_at: now, chunks })
}

fn next_due(action: &Action, now: Timestamp, needs: [Option<Timestamp>; 2]) -> Option<Timestamp> {
    let next = needs.into_iter().flatten().min();
    match (action.status, action.schedule_at) {
        (BulkActionStatus::Queued, Some(at)) if !action.handed_out => Some(at - HANDED_OUT_BEFORE),
        (BulkActionStatus::Queued | BulkActionStatus::Processing, _) => {
            let fan_out = action.fan_out_at + FAN_OUT_PATIENCE;
            Some(next.map_or(fan_out, |next| next.min(fan_out)))
        }
        // It waits for something in particular: the end of a claim, of a note or of a receipt window.
        (BulkActionStatus::Delegated, _) => Some(next.unwrap_or(now + NEXT_TICK)),
        (
            BulkActionStatus::Completed
            | BulkActionStatus::Partial
            | BulkActionStatus::Failed
            | BulkActionStatus::Cancelled,
            _,
        ) => next,
    }
}

/// The job that starts a scheduled action whose time is near, once.
fn hand_out(action: &mut Action, now: Timestamp) -> Option<(SendMessageJob, Duration)> {
    let at = action.schedule_at.filter(|at| *at <= now + HANDED_OUT_BEFORE)?;
    if action.status != BulkActionStatus::Queued || action.handed_out {
        return None;
    }
    action.handed_out = true;
    // What was missed, because nothing ran at the time, starts now.
    action.fan_out_at = at.max(now);
    Some((jobs::first(action), jobs::delay(now, at)))
}

/// Jobs for the blocks that should have been written by now, unless the action is given up.
fn missing_blocks(action: &mut Action, now: Timestamp) -> Vec<SendMessageJob> {
    let writing = matches!(action.status, BulkActionStatus::Queued | BulkActionStatus::Processing);
    if !writing || !action.handed_out || now < action.fan_out_at + FAN_OUT_PATIENCE {
        return Vec::new();
    }
    let jobs: Vec<SendMessageJob> =
        jobs::open_blocks(action).into_iter().map(|block| jobs::block(action, block)).collect();
    if jobs.is_empty() {
        // The worker that wrote the last block stopped before it could say so.
        action.enter(BulkActionStatus::Delegated, now, "reconcile");
        action.delegated_at = Some(now);
        return Vec::new();
    }
    if action.drives >= MAX_DRIVES {
        action.enter(BulkActionStatus::Failed, now, "reconcile");
        action.failure_reason = Some(FailureCode::InternalError.to_string());
        action.finished_at = Some(now);
        tracing::error!(bulk_action_id = %action.id, "an action's rows could not be written");
        return Vec::new();
    }
    action.drives += 1;
    action.fan_out_at = now;
    tracing::warn!(bulk_action_id = %action.id, blocks = jobs.len(), "a fan-out was driven again");
    jobs
}

/// Puts parcels whose claim died or whose message was lost on their queues again. Answers how many, and when the next one may need it.
async fn drive_parcels<A>(
    deps: &Reconcile<A>,
    action: &Action,
    parcels: &[Parcel],
    now: Timestamp,
) -> Result<(usize, Option<Timestamp>), Error> {
    let open = || parcels.iter().filter(|parcel| !parcel.done);
    let lost: Vec<&Parcel> = open().filter(|parcel| drive_at(parcel) <= now).collect();
    for channel in Channel::ALL {
        let of_channel = || lost.iter().filter(|parcel| parcel.channel == channel);
        let jobs: Vec<DispatchJob> = of_channel().map(|parcel| jobs::dispatch(action, parcel)).collect();
        if jobs.is_empty() {
            continue;
        }
        deps.dispatch.of(channel).send(&jobs, Duration::ZERO).await?;
        tracing::warn!(bulk_action_id = %action.id, %channel, parcels = jobs.len(), "parcels were driven again");
        for parcel in of_channel() {
            deps.store.parcel_driven(&action.org_id, action.id.ulid(), parcel, now).await?;
        }
    }
    let next = open()
        .map(|parcel| if drive_at(parcel) <= now { now + PARCEL_PATIENCE } else { drive_at(parcel) })
        .min();
    Ok((lost.len(), next))
}

/// When a parcel must be driven again unless somebody works on it before.
fn drive_at(parcel: &Parcel) -> Timestamp {
    match &parcel.claim {
        // Its worker has until then; if it was driven after that already, that message has its time too.
        Some(claim) if parcel.driven_at < claim.until => claim.until,
        Some(_) => parcel.driven_at + PARCEL_PATIENCE,
        None => parcel.due_at.max(parcel.driven_at + PARCEL_PATIENCE),
    }
}
