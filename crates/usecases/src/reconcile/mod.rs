//! `reconcile`, every minute: looks at every action that is due, counts, settles, asks providers about messages whose report never came, and
//! drives what was lost again through the normal path. It takes no input and sends nothing. Running it twice, also at the same time, changes
//! nothing more.

mod ask;
mod drive;
mod follow;
mod inquire;
mod measure;
mod silent;

use std::sync::Arc;
use std::time::Duration;

use channels::LookUp;
use domain::{BulkActionId, BulkActionStatus, Clock, OrgId, Timestamp};
use futures_util::{StreamExt, stream};
use queue::Queue;
use store::Store;
use store::action::{Action, FAN_OUT_PATIENCE, Idle, Saved};
use store::chunk::Chunk;
use store::parcel::Parcel;
use telemetry::Drift;
use wire::queue::SendMessageJob;

use crate::Error;
use crate::jobs::{DispatchQueues, HANDED_OUT_BEFORE};
use crate::recount::{Recount, Windows, count_noted};
use crate::secrets::SecretSource;
use ask::Questions;
use drive::{drive_parcels, hand_out, look_at_parcels, missing_blocks, want_turns};
use measure::{Tick, action_drifted, total_drifted};
use silent::Silence;

pub use ask::{Ask, AskTwilio};
pub use measure::Report;

/// Due actions that are read of each shard of the work index: more wait for the next tick.
const PER_SHARD: i32 = 100;
const CONCURRENT: usize = 8;
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

/// One tick: reconciles and measures.
///
/// # Errors
/// As [`reconcile`].
pub async fn run<A: Ask>(deps: &Reconcile<A>, deadline: Timestamp) -> Result<(), Error> {
    let report = reconcile(deps, deadline).await?;
    report.emit(deps.clock.as_ref());
    Ok(())
}

/// Looks at every due action until `deadline`.
///
/// # Errors
/// If the work index cannot be read. A single action's trouble is reported, not returned: it must not hold up the others.
pub async fn reconcile<A: Ask>(deps: &Reconcile<A>, deadline: Timestamp) -> Result<Report, Error> {
    let now = deps.clock.now();
    let due = deps.store.due_actions(now, PER_SHARD).await?;
    let tick = Tick::new(Questions::new(now, deadline, A::LookUp::TIMEOUT));
    stream::iter(due)
        .for_each_concurrent(CONCURRENT, async |(org, id)| {
            if deps.clock.now() >= deadline {
                return;
            }
            tick.note(|report| report.looked_at += 1);
            if let Err(error) = look_at(deps, &tick, &org, id).await {
                tick.note(|report| report.failed += 1);
                tracing::error!(bulk_action_id = %id, error = %telemetry::chain(&error), "an action could not be reconciled");
            }
        })
        .await;
    follow::follow(deps, &tick, deadline).await;
    Ok(tick.into_report())
}

/// One action.
async fn look_at<A: Ask>(
    deps: &Reconcile<A>,
    tick: &Tick,
    org: &OrgId,
    id: BulkActionId,
) -> Result<(), Error> {
    for _ in 0..TRIES {
        let Some(seen) = deps.store.action(org, id).await? else { return Ok(()) };
        let mut action = seen.clone();
        let now = deps.clock.now();
        if action.due_at.is_none_or(|due| due > now) {
            return Ok(());
        }
        if is_idle(&action, now) && stays_idle(deps, tick, &action, now).await? {
            return Ok(());
        }
        let chunks = deps.store.chunks(org, id.ulid()).await?;
        let drifted = action_drifted(&action, &chunks);
        let counted = count(deps, tick, &action, chunks, now).await?;
        let start = hand_out(&mut action, now);
        let fan_out = missing_blocks(&mut action, now);
        let parcels = deps.store.parcels(org, id.ulid()).await?;
        let driven = drive_parcels(deps, tick, &action, &parcels, now).await?;
        counted.apply(&mut action);
        action.sent_out = action.sent_out || is_sent_out(&action, &parcels);
        let others = [counted.next_look(), driven.again].into_iter().flatten().min();
        action.due_at = next_due(&action, now, [others, driven.turn]);
        let idles = action.status == BulkActionStatus::Delegated && driven.turn.is_some();
        // It is saved in the next version.
        let until = others.unwrap_or(action.expires_at);
        action.idle = idles.then(|| Idle { version: action.version + 1, until });
        if save(&deps.store, &seen, &mut action).await? == Saved::Yes {
            measure(tick, &action, &counted, drifted);
            if let Some((repair, count)) = fan_out.repair {
                tick.repaired(repair, count);
            }
            // After the save, so that a lost race does not drive twice; what is not sent now is found again.
            if let Some((job, delay)) = start {
                deps.send_message.send(&[job], delay).await?;
            }
            return Ok(deps.send_message.send(&fan_out.jobs, Duration::ZERO).await?);
        }
    }
    // A busy action: its notes keep it due.
    Ok(())
}

/// Whether nothing is expected of an action but that its parcels' turn comes: then its counts need not be looked at.
fn is_idle(action: &Action, now: Timestamp) -> bool {
    action.idle.is_some_and(|idle| idle.version == action.version && now < idle.until)
}

/// Lets the parcels of an idle action take their turns. Whether more is not to be done.
async fn stays_idle<A: Ask>(
    deps: &Reconcile<A>,
    tick: &Tick,
    action: &Action,
    now: Timestamp,
) -> Result<bool, Error> {
    let parcels = deps.store.parcels(&action.org_id, action.id.ulid()).await?;
    let driven = look_at_parcels(&parcels, now);
    let Some(turn) = driven.turn.filter(|_| driven.again.is_none_or(|at| at > now)) else { return Ok(false) };
    want_turns(tick, action, &parcels);
    let next = [Some(turn), driven.again, action.idle.map(|idle| idle.until)];
    if let Some(next) = next.into_iter().flatten().min() {
        deps.store.stay_idle(action, next).await?;
    }
    Ok(true)
}

/// Whether all rows of an action are written and none of them waits for its sender.
fn is_sent_out(action: &Action, parcels: &[Parcel]) -> bool {
    let written = (0..action.blocks()).all(|block| action.blocks_done.contains(&block));
    written && parcels.iter().all(|parcel| parcel.done)
}

/// Saves what became of the action that was read as `seen`. If it was only made due in the meantime, it stays due, and what was found counts.
async fn save(store: &Store, seen: &Action, action: &mut Action) -> Result<Saved, Error> {
    for _ in 0..TRIES {
        if store.save_action(action).await? == Saved::Yes {
            return Ok(Saved::Yes);
        }
        let Some(now) = store.action(&action.org_id, action.id).await? else { return Ok(Saved::Stale) };
        if now != (Action { version: now.version, due_at: now.due_at, idle: now.idle, ..seen.clone() }) {
            return Ok(Saved::Stale);
        }
        action.version = now.version;
        action.due_at = [action.due_at, now.due_at].into_iter().flatten().min();
    }
    Ok(Saved::Stale)
}

/// Holds an action that was counted and saved to the law of its counters. `drifted`: whether they were wrong before.
fn measure(tick: &Tick, action: &Action, counted: &Recount, drifted: bool) {
    if drifted {
        tick.drifted(Drift::Action);
        tracing::error!(org_id = %action.org_id, bulk_action_id = %action.id, "an action's counters were not the sum of its chunks");
    }
    if total_drifted(action, &counted.chunks) {
        tick.drifted(Drift::Total);
        tracing::error!(
            org_id = %action.org_id, bulk_action_id = %action.id, total = action.total,
            "an action has not as many rows as it should have"
        );
    }
}

/// Counts what was noted, and ends the silence of what was to be reported by now.
async fn count<A: Ask>(
    deps: &Reconcile<A>,
    tick: &Tick,
    action: &Action,
    chunks: Vec<Chunk>,
    now: Timestamp,
) -> Result<Recount, Error> {
    let (org, id) = (&action.org_id, action.id);
    let content = deps.store.content(org, id).await?.ok_or(Error::Missing("the content"))?;
    let windows = &Windows::in_content(&content);
    let mut silence = Silence::new(deps, tick, action, &content, windows);
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
