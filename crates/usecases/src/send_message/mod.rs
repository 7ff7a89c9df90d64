//! `send-message`: writes the rows of a block of targets, makes parcels of them and puts these on their channels' queues.

mod turns;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::counts::Counts;
use domain::gate::Planned;
use domain::opt_out::AddressHash;
use domain::settings::ChannelSettings;
use domain::status::Transition;
use domain::{
    BulkActionId, BulkActionStatus, Channel, Clock, MemberId, MessageId, MessageStatus, OrgId, Reason,
    SkipCode, Timestamp,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use queue::Queue;
use store::Store;
use store::action::{Action, FAN_OUT_PATIENCE, Saved};
use store::chunk::Chunk;
use store::directory::StoredMember;
use store::parcel::Parcel;
use store::row::Row;
use store::targets::Target;
use wire::queue::SendMessageJob;

use crate::jobs::DispatchQueues;
use crate::planner::Planner;
use crate::{Error, jobs, layout, pacing};
use turns::Turns;

/// Chunks of a block that are written at once.
const CONCURRENT_CHUNKS: usize = 4;
/// How soon reconcile looks at an action whose rows are all written.
pub(crate) const FIRST_LOOK: Duration = Duration::from_secs(30);
const TRIES: u32 = 10;
/// Why an action fails whose time came when its messages had stopped being useful.
pub const SCHEDULE_MISSED: &str = "schedule_missed";

/// What `send-message` needs.
pub struct SendMessage {
    /// The database.
    pub store: Store,
    /// Its own queue, for splitting.
    pub queue: Queue<SendMessageJob>,
    /// Where parcels go.
    pub dispatch: DispatchQueues,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

/// Does one job. Doing it again, also at the same time, writes no row twice.
///
/// # Errors
/// If a service gives no answer. What was written stays; the job is done again.
pub async fn send_message(deps: &SendMessage, job: SendMessageJob) -> Result<(), Error> {
    let SendMessageJob::V1 { org_id, bulk_action_id, from_block, to_block } = job;
    let Some(action) = start(deps, &org_id, bulk_action_id).await? else { return Ok(()) };
    if to_block.saturating_sub(from_block) > 1 {
        let jobs: Vec<_> = (from_block..to_block).map(|block| jobs::block(&action, block)).collect();
        return Ok(deps.queue.send(&jobs, Duration::ZERO).await?);
    }
    if action.blocks_done.contains(&from_block) {
        return go_on(deps, action).await;
    }
    if !jobs::open_blocks(&action).contains(&from_block) {
        // Its turn has not come: whoever writes the block before it asks for it again.
        return Ok(());
    }
    write_block(deps, &action, from_block).await?;
    let action = deps.store.block_done(&org_id, bulk_action_id, from_block, deps.clock.now()).await?;
    go_on(deps, action).await
}

/// Moves the action to `processing` if it is `queued` and its time has come; `None` if its rows are not wanted now.
async fn start(deps: &SendMessage, org: &OrgId, id: BulkActionId) -> Result<Option<Action>, Error> {
    for _ in 0..TRIES {
        let Some(mut action) = deps.store.action(org, id).await? else {
            tracing::warn!(bulk_action_id = %id, "a job names an action that does not exist");
            return Ok(None);
        };
        match action.status {
            BulkActionStatus::Processing => return Ok(Some(action)),
            BulkActionStatus::Queued => {}
            BulkActionStatus::Delegated
            | BulkActionStatus::Completed
            | BulkActionStatus::Partial
            | BulkActionStatus::Failed
            | BulkActionStatus::Cancelled => return Ok(None),
        }
        let now = deps.clock.now();
        if let Some(at) = action.schedule_at.filter(|at| *at > now) {
            // This clock is behind the one by which the delay was measured.
            deps.queue.send(&[jobs::first(&action)], jobs::delay(now, at)).await?;
            return Ok(None);
        }
        let missed = action.schedule_at.is_some() && now >= action.expires_at;
        if missed {
            fail_unwritten(&mut action, now, SCHEDULE_MISSED, "send-message");
        } else {
            action.enter(BulkActionStatus::Processing, now, "send-message");
            action.started_at = Some(now);
            action.fan_out_at = now;
            action.due_at = Some(now + FAN_OUT_PATIENCE);
        }
        if deps.store.save_action(&mut action).await? == Saved::Yes {
            return Ok(Some(action).filter(|_| !missed));
        }
    }
    Err(Error::Contended("the action"))
}

/// Stops an action of which no row is written: all its targets count as failed.
pub(crate) fn fail_unwritten(action: &mut Action, now: Timestamp, reason: &str, by: &str) {
    action.enter(BulkActionStatus::Failed, now, by);
    action.failure_reason = Some(reason.to_owned());
    action.counts = Counts { failed: action.total, ..Counts::default() };
    action.finished_at = Some(now);
    action.reconciled_at = Some(now);
    action.due_at = None;
}

/// Asks for the next block where blocks go in order. Once every block is written, the action is `delegated`: any worker that sees it so may
/// move it; one does.
async fn go_on(deps: &SendMessage, mut action: Action) -> Result<(), Error> {
    for _ in 0..TRIES {
        let open = jobs::open_blocks(&action);
        let step = action.status.step(BulkActionStatus::Delegated);
        if !matches!(step, Transition::To(_)) {
            return Ok(());
        }
        if let Some(next) = open.first() {
            if jobs::in_order(&action) {
                deps.queue.send(&[jobs::block(&action, *next)], Duration::ZERO).await?;
            }
            return Ok(());
        }
        let now = deps.clock.now();
        action.enter(BulkActionStatus::Delegated, now, "send-message");
        action.delegated_at = Some(now);
        action.due_at = Some(now + FIRST_LOOK);
        if deps.store.save_action(&mut action).await? == Saved::Yes {
            return Ok(());
        }
        action = deps.store.action(&action.org_id, action.id).await?.ok_or(Error::Missing("the action"))?;
    }
    Err(Error::Contended("the action"))
}

async fn write_block(deps: &SendMessage, action: &Action, block: u32) -> Result<(), Error> {
    let (org, id) = (&action.org_id, action.id);
    let targets = deps.store.targets(org, id, block).await?;
    if targets.is_empty() {
        return Err(Error::Missing("a block of targets"));
    }
    let content = deps.store.content(org, id).await?.ok_or(Error::Missing("the content"))?;
    let senders = deps.store.senders(org).await?;
    let channels: Vec<ChannelSettings> = senders.iter().map(|sender| sender.settings.clone()).collect();
    let planner = Planner::load(&deps.store, org, &channels, &content.messages, action.routing).await?;
    // Before the members are read: an opt-out from this moment on is gate 2's to see.
    let gate1_at = deps.clock.now();
    let members = planner.members(&deps.store, org, &targets).await?;

    let per_chunk = layout::targets_per_chunk(action.routing, content.messages.len());
    let first_chunk = layout::first_chunk(block, per_chunk);
    let mut chunks: Vec<Vec<Row>> = targets
        .chunks(per_chunk)
        .zip(first_chunk..)
        .map(|(targets, chunk)| plan_rows(action, &planner, &members, chunk, targets, gate1_at))
        .collect();
    if jobs::in_order(action) {
        cover(&deps.store, action, &mut chunks, gate1_at).await?;
    }
    let turns = turns::take(deps, action, &content, &senders, &chunks).await?;
    let parcels: Vec<Vec<Parcel>> = stream::iter(chunks.into_iter().zip(first_chunk..).zip(turns))
        .map(|((rows, number), turns)| write_chunk(deps, action, number, rows, turns))
        .buffer_unordered(CONCURRENT_CHUNKS)
        .try_collect()
        .await?;
    turns::hand_out(deps, action, &parcels.concat()).await
}

/// Lets the first row to each address cover the others: those of this block and those of all blocks before it.
async fn cover(store: &Store, action: &Action, chunks: &mut [Vec<Row>], now: Timestamp) -> Result<(), Error> {
    let org = &action.org_id;
    let place = |row: &Row| -> Option<(Channel, AddressHash)> {
        let waits = row.status == MessageStatus::Queued;
        row.address.as_ref().filter(|_| waits).map(|address| (row.channel, store.address_hash(org, address)))
    };
    let mut seen = HashSet::new();
    let mut wanted = Vec::new();
    for row in chunks.iter().flatten() {
        if let Some((channel, hash)) = place(row).filter(|place| seen.insert(place.clone())) {
            wanted.push((channel, hash, row.id));
        }
    }
    let covers = store.cover(org, action.id.ulid(), &wanted, now).await?;
    for row in chunks.iter_mut().flatten() {
        let covering = place(row).and_then(|place| covers.get(&place).copied());
        if let Some(covering) = covering.filter(|covering| *covering != row.id) {
            row.status = MessageStatus::Skipped;
            row.reason = Some(Reason::Skipped(SkipCode::Covered));
            row.covered_by = Some(covering);
            row.ended_at = Some(row.created_at);
        }
    }
    Ok(())
}

/// Writes a chunk's rows, then its summary, then its parcels: whoever finds a parcel finds all its rows. A row's `created_at` is the time of its
/// gate 1.
async fn write_chunk(
    deps: &SendMessage,
    action: &Action,
    number: u32,
    mut rows: Vec<Row>,
    turns: Turns,
) -> Result<Vec<Parcel>, Error> {
    let (org, id) = (&action.org_id, action.id);
    let created = deps.store.create_rows(&rows).await?;
    if created.contains(&false) {
        // Another worker was here: its rows are the truth, whatever we would have written.
        rows = deps.store.rows_of_chunk(org, id.ulid(), number).await?;
    }
    deps.store.create_chunk(org, id.ulid(), &Chunk::of_rows(number, &rows)).await?;

    // Gate 2 has to look back to when the rows were judged, which whoever wrote them did, perhaps long ago.
    let mut judged_at: BTreeMap<Channel, Timestamp> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.status == MessageStatus::Queued) {
        let at = judged_at.entry(row.channel).or_insert(row.created_at);
        *at = row.created_at.min(*at);
    }
    let mut parcels = Vec::new();
    for (channel, gate1_at) in judged_at {
        let now = deps.clock.now();
        let turn = turns.get(&channel);
        let due_at = turn.map_or(now, |turn| now.max(turn.due_at));
        let left = turn.map(|turn| turn.load).unwrap_or_default();
        let driven_at = if due_at <= now + pacing::ON_QUEUE { due_at } else { now };
        let parcel = Parcel { due_at, driven_at, left, ..Parcel::fresh(number, channel, gate1_at, now) };
        deps.store.create_parcel(org, id.ulid(), &parcel).await?;
        parcels.push(parcel);
    }
    Ok(parcels)
}

fn plan_rows(
    action: &Action,
    planner: &Planner,
    members: &HashMap<MemberId, StoredMember>,
    chunk: u32,
    targets: &[Target],
    now: Timestamp,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for target in targets {
        for planned in planner.rows(target, members.get(&target.member_id)) {
            let slot = u16::try_from(rows.len()).unwrap_or(u16::MAX);
            let id = MessageId { send: action.id.ulid(), chunk, slot };
            let queued =
                Row::queued(action.org_id.clone(), id, target.member_id.clone(), planned.channel, now);
            // A retry that chooses its channel afresh may choose another than failed.
            let again = target.retried.get(&planned.channel).or_else(|| target.retried.values().next());
            rows.push(planned_row(Row { again: again.copied(), ..queued }, planned));
        }
    }
    rows
}

/// A row that waits, as gate 1 leaves it.
pub(crate) fn planned_row(queued: Row, planned: Planned) -> Row {
    let status = match planned.refused.as_ref().map(|refusal| refusal.reason) {
        None => MessageStatus::Queued,
        Some(Reason::Failed(_)) => MessageStatus::Failed,
        Some(Reason::Skipped(_)) => MessageStatus::Skipped,
    };
    let (reason, detail) = match planned.refused {
        Some(refusal) => (Some(refusal.reason), refusal.detail),
        None => (None, None),
    };
    Row {
        status,
        address: planned.address,
        unreadable: planned.unreadable,
        values: planned.values,
        ended_at: reason.map(|_| queued.created_at),
        reason,
        detail,
        ..queued
    }
}
