//! `send-message`: writes the rows of a block of targets, makes parcels of them and puts these on their channels' queues.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::counts::Counts;
use domain::gate::{Offer, Planned, Setting, Target, plan};
use domain::status::Transition;
use domain::{
    BulkActionId, BulkActionStatus, Channel, Clock, MemberId, MessageId, MessageStatus, OrgId, Reason,
    Routing, Timestamp,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use queue::Queue;
use store::Store;
use store::action::{Action, BLOCK_TARGETS, FAN_OUT_PATIENCE, Saved};
use store::chunk::{CHUNK_ROWS, Chunk};
use store::directory::StoredMember;
use store::parcel::Parcel;
use store::row::Row;
use wire::queue::{DispatchJob, SendMessageJob};

use crate::Error;
use crate::jobs::{self, DispatchQueues};

/// Chunks of a block that are written at once.
const CONCURRENT_CHUNKS: usize = 4;
/// How soon reconcile looks at an action whose rows are all written.
const FIRST_LOOK: Duration = Duration::from_secs(30);
const TRIES: u32 = 10;

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
    if to_block.saturating_sub(from_block) > 1 {
        let single = |block| jobs::block(&org_id, bulk_action_id, block);
        let jobs: Vec<_> = (from_block..to_block).map(single).collect();
        return Ok(deps.queue.send(&jobs, Duration::ZERO).await?);
    }
    let Some(action) = start(deps, &org_id, bulk_action_id).await? else { return Ok(()) };
    if action.blocks_done.contains(&from_block) {
        return delegate(deps, action).await;
    }
    write_block(deps, &action, from_block).await?;
    let action = deps.store.block_done(&org_id, bulk_action_id, from_block, deps.clock.now()).await?;
    delegate(deps, action).await
}

/// Moves the action to `processing` if it is `queued`; `None` if its rows are no longer wanted.
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
        action.enter(BulkActionStatus::Processing, now, "send-message");
        action.started_at = Some(now);
        action.fan_out_at = now;
        action.due_at = Some(now + FAN_OUT_PATIENCE);
        if deps.store.save_action(&mut action).await? == Saved::Yes {
            return Ok(Some(action));
        }
    }
    Err(Error::Contended("the action"))
}

/// Once every block is written, the action is `delegated`. Any worker that sees it so may move it; one does.
async fn delegate(deps: &SendMessage, mut action: Action) -> Result<(), Error> {
    for _ in 0..TRIES {
        let written = u32::try_from(action.blocks_done.len()).is_ok_and(|done| done >= action.blocks());
        let step = action.status.step(BulkActionStatus::Delegated);
        if !written || !matches!(step, Transition::To(_)) {
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

/// Everything that the rows of a block share.
struct Block<'a> {
    action: &'a Action,
    offers: Vec<Offer>,
    org_name: String,
    org_country: String,
    members: HashMap<MemberId, StoredMember>,
    gate1_at: Timestamp,
}

async fn write_block(deps: &SendMessage, action: &Action, block: u32) -> Result<(), Error> {
    let (org, id) = (&action.org_id, action.id);
    let targets = deps.store.targets(org, id, block).await?;
    if targets.is_empty() {
        return Err(Error::Missing("a block of targets"));
    }
    let content = deps.store.content(org, id).await?.ok_or(Error::Missing("the content"))?;
    let configured: BTreeSet<Channel> =
        deps.store.channels(org).await?.iter().map(|settings| settings.channel).collect();
    let settings = deps.store.organisation(org).await?;
    // Before the members are read: an opt-out from this moment on is gate 2's to see.
    let gate1_at = deps.clock.now();
    let org_country = settings.as_ref().map(|org| org.country.clone()).unwrap_or_default();
    let members = deps.store.members_by_id(org, &targets, &org_country).await?;
    let offers = content
        .messages
        .iter()
        .map(|message| Offer::new(&message.body, configured.contains(&message.body.channel())))
        .collect::<Result<Vec<_>, _>>()?;
    let shared = Block {
        action,
        offers,
        org_name: settings.map(|org| org.name).unwrap_or_default(),
        org_country,
        members,
        gate1_at,
    };

    let per_chunk = targets_per_chunk(action.routing, shared.offers.len());
    let first_chunk = block * chunks_per_block(per_chunk);
    let jobs: Vec<Vec<(Channel, DispatchJob)>> = stream::iter(targets.chunks(per_chunk).zip(first_chunk..))
        .map(|(targets, number)| write_chunk(deps, &shared, number, targets))
        .buffer_unordered(CONCURRENT_CHUNKS)
        .try_collect()
        .await?;
    for channel in Channel::ALL {
        let of_channel = |(of, job): &(Channel, DispatchJob)| (*of == channel).then(|| job.clone());
        let jobs: Vec<DispatchJob> = jobs.iter().flatten().filter_map(of_channel).collect();
        if !jobs.is_empty() {
            deps.dispatch.of(channel).send(&jobs, Duration::ZERO).await?;
        }
    }
    Ok(())
}

/// Targets whose rows fill a chunk.
fn targets_per_chunk(routing: Routing, channels: usize) -> usize {
    match routing {
        Routing::All => CHUNK_ROWS / channels.max(1),
        Routing::FirstReachable => CHUNK_ROWS,
    }
}

fn chunks_per_block(targets_per_chunk: usize) -> u32 {
    u32::try_from(BLOCK_TARGETS.div_ceil(targets_per_chunk)).unwrap_or(u32::MAX)
}

/// Writes a chunk's rows, then its summary, then its parcels: whoever finds a parcel finds all its rows.
async fn write_chunk(
    deps: &SendMessage,
    block: &Block<'_>,
    number: u32,
    targets: &[MemberId],
) -> Result<Vec<(Channel, DispatchJob)>, Error> {
    let (org, id) = (&block.action.org_id, block.action.id);
    let now = deps.clock.now();
    let mut rows = plan_rows(block, number, targets, now);
    let created = deps.store.create_rows(&rows).await?;
    if created.contains(&false) {
        // Another worker was here: its rows are the truth, whatever we would have written.
        rows = deps.store.rows_of_chunk(org, id.ulid(), number).await?;
    }
    let mut counts: BTreeMap<Channel, Counts> = BTreeMap::new();
    for row in &rows {
        *counts.entry(row.channel).or_default() += row.counts();
    }
    let chunk = Chunk {
        number,
        rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        counts,
        noted_until: None,
        window_ends_at: None,
        version: 0,
    };
    deps.store.create_chunk(org, id.ulid(), &chunk).await?;

    let waiting = |row: &Row| (row.status == MessageStatus::Queued).then_some(row.channel);
    let channels: BTreeSet<Channel> = rows.iter().filter_map(waiting).collect();
    let mut jobs = Vec::new();
    for channel in channels {
        let parcel = Parcel {
            chunk: number,
            channel,
            pass: 1,
            mark: 0,
            gate1_at: block.gate1_at,
            due_at: now,
            driven_at: now,
            deaths: 0,
            claim: None,
            done: false,
        };
        deps.store.create_parcel(org, id.ulid(), &parcel).await?;
        jobs.push((channel, jobs::parcel(org, id, number, channel)));
    }
    Ok(jobs)
}

fn plan_rows(block: &Block<'_>, chunk: u32, targets: &[MemberId], now: Timestamp) -> Vec<Row> {
    let setting = Setting {
        offers: &block.offers,
        routing: block.action.routing,
        org_name: &block.org_name,
        org_country: &block.org_country,
    };
    let nothing = BTreeSet::new();
    let mut rows = Vec::new();
    for member_id in targets {
        let stored = block.members.get(member_id);
        let target = Target {
            member: stored.map(|stored| &stored.member),
            opted_out: stored.map_or(&nothing, |stored| &stored.opted_out),
        };
        for planned in plan(setting, target) {
            let slot = u16::try_from(rows.len()).unwrap_or(u16::MAX);
            let id = MessageId { send: block.action.id.ulid(), chunk, slot };
            rows.push(row(&block.action.org_id, id, member_id, planned, now));
        }
    }
    rows
}

fn row(org: &OrgId, id: MessageId, member: &MemberId, planned: Planned, now: Timestamp) -> Row {
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
        channel: planned.channel,
        address: planned.address,
        values: planned.values,
        ended_at: reason.map(|_| now),
        reason,
        detail,
        ..Row::queued(org.clone(), id, member.clone(), planned.channel, now)
    }
}
