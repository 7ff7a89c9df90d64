//! `POST /bulk-actions/{id}/retry`: a new action for the rows of one that did not arrive.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use domain::permission::Caller;
use domain::{BulkActionId, BulkActionStatus, Channel, MemberId, MessageId, MessageStatus};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::Store;
use store::accept::{Acceptance, Accepted, With};
use store::action::{Action, Selected};
use store::chunk::Chunk;
use store::content::FrozenContent;
use store::row::Row;
use store::targets::{RowPlace, Target};
use wire::api::bulk_action::RetryScope;
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::problem::Problem;

use super::CreateBulkActions;
use super::accept::{admit, in_progress, key_of, made_before};
use super::create::{Times, accepted, again, planned, settings_of};
use crate::recount::recount;
use crate::{Error, Refused, layout, read_log};

/// Chunks that are read at once.
const CONCURRENT: usize = 16;
const TRIES: u32 = 12;
/// A retry's targets say which rows it took, for as long as anybody may think of retrying.
const KEPT: Duration = Duration::from_hours(400 * 24);

/// Answers 202 with the new action.
pub(super) async fn retry(
    deps: &CreateBulkActions,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let body = if request.body.is_empty() { serde_json::json!({}) } else { Body::of(request)? };
    let scope = RetryScope::read(&body)?;
    let path = format!("/bulk-actions/{}/retry", request.param("id"));
    let key = key_of(request, &path)?;
    for _ in 0..TRIES {
        if let Some(made) = made_before(&deps.store, deps.clock.as_ref(), org, key.as_ref()).await? {
            return again(&deps.store, org, &made, deps.clock.now()).await;
        }
        let retried = read_log::find(&deps.store, org, request.param("id")).await?;
        check(&retried)?;
        let content = deps.store.content(org, retried.id).await?.ok_or(Error::Missing("the content"))?;
        let targets = retryable(deps, &retried, &content, scope).await?;
        if targets.is_empty() {
            let detail = "None of its rows is left to be retried in this scope";
            return Err(Problem::conflict("nothing_to_retry", detail).into());
        }
        let limit = admit(deps, caller).await?;
        let now = deps.clock.now();
        let action = Action {
            retry_of: Some(retried.id),
            selected: Some(Selected::Again),
            routing: retried.routing,
            dedupe: retried.dedupe,
            ..Action::accepted(org.clone(), BulkActionId::new(deps.ids.ulid(now)), &caller.sub, now)
        };
        let senders = deps.store.senders(org).await?;
        let times = Times { leaves_at: now, expires_at: None };
        let action = planned(action, &content.messages, &senders, &targets, times);
        deps.store.freeze_targets(org, action.id, &targets, now + KEPT).await?;
        let with = With::Bulk { limit: &limit, retried: Some(&retried) };
        let acceptance = Acceptance { action: &action, content: &content, key: key.as_ref(), with };
        if deps.store.accept(acceptance).await? == Accepted::Yes {
            return Ok(accepted(deps, action, content, &settings_of(&senders)).await);
        }
    }
    Err(in_progress())
}

fn check(action: &Action) -> Result<(), Problem> {
    match action.status {
        BulkActionStatus::Queued | BulkActionStatus::Processing => {
            let detail = format!("It can be retried once its rows are written; it is {}", action.status);
            Err(Problem::conflict("not-retryable", detail).with("current_status", action.status.as_str()))
        }
        BulkActionStatus::Delegated
        | BulkActionStatus::Completed
        | BulkActionStatus::Partial
        | BulkActionStatus::Failed
        | BulkActionStatus::Cancelled => Ok(()),
    }
}

/// A row that may be sent again.
struct Candidate {
    id: MessageId,
    member_id: MemberId,
    channel: Channel,
    covered_by: Option<MessageId>,
}

/// The rows that the scope means and no earlier retry has taken, as targets in their order.
async fn retryable(
    deps: &CreateBulkActions,
    action: &Action,
    content: &FrozenContent,
    scope: RetryScope,
) -> Result<Vec<Target>, Refused> {
    let store = &deps.store;
    // Chunks say where to look; this brings them up to date.
    let chunks = recount(store, deps.clock.as_ref(), action).await?.chunks;
    let mut candidates = written(store, action, &chunks, scope).await?;
    if scope != RetryScope::Unconfirmed {
        candidates.extend(unwritten(store, action, content, &chunks).await?);
    }
    let taken = taken(store, action).await?;
    candidates.retain(|row| !taken.contains(&place(row.id)));
    // Who was covered goes where their cover goes: what reached the address needs no second message.
    let own: HashSet<MessageId> =
        candidates.iter().filter(|row| row.covered_by.is_none()).map(|row| row.id).collect();
    candidates.retain(|row| row.covered_by.is_none_or(|cover| own.contains(&cover)));
    candidates.sort_by_key(|row| place(row.id));
    Ok(grouped(candidates))
}

fn place(id: MessageId) -> RowPlace {
    RowPlace { chunk: id.chunk, slot: id.slot }
}

/// The rows of a member stand beside each other.
fn grouped(rows: Vec<Candidate>) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for row in rows {
        match targets.last_mut() {
            Some(last) if last.member_id == row.member_id => {
                last.retried.insert(row.channel, place(row.id));
            }
            _ => {
                let retried = BTreeMap::from([(row.channel, place(row.id))]);
                targets.push(Target { member_id: row.member_id, retried });
            }
        }
    }
    targets
}

fn means(scope: RetryScope, row: &Row) -> bool {
    let failed = matches!(row.status, MessageStatus::Failed | MessageStatus::Skipped);
    let unconfirmed = row.status == MessageStatus::Unconfirmed;
    match scope {
        RetryScope::Failed => failed,
        RetryScope::Unconfirmed => unconfirmed || row.covered_by.is_some(),
        RetryScope::All => failed || unconfirmed,
    }
}

async fn written(
    store: &Store,
    action: &Action,
    chunks: &[Chunk],
    scope: RetryScope,
) -> Result<Vec<Candidate>, Error> {
    let may_have = |chunk: &&Chunk| {
        let counts = chunk.total();
        counts.failed + counts.skipped + counts.unconfirmed > 0
    };
    let rows: Vec<Vec<Candidate>> = stream::iter(chunks.iter().filter(may_have))
        .map(async |chunk| {
            let rows = store.rows_of_chunk(&action.org_id, action.id.ulid(), chunk.number).await?;
            let meant = rows.into_iter().filter(|row| means(scope, row)).filter_map(|row| {
                let Row { id, channel, covered_by, .. } = row;
                Some(Candidate { id, member_id: row.member_id?, channel, covered_by })
            });
            Ok::<_, Error>(meant.collect())
        })
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    Ok(rows.into_iter().flatten().collect())
}

/// What an action that was stopped as a whole never wrote: it counts as failed.
async fn unwritten(
    store: &Store,
    action: &Action,
    content: &FrozenContent,
    chunks: &[Chunk],
) -> Result<Vec<Candidate>, Error> {
    if action.status != BulkActionStatus::Failed || action.failure_reason.is_none() {
        return Ok(Vec::new());
    }
    let there: BTreeSet<u32> = chunks.iter().map(|chunk| chunk.number).collect();
    let channels: Vec<Channel> = content.messages.iter().map(|message| message.body.channel()).collect();
    let mut candidates = Vec::new();
    for block in (0..action.blocks()).filter(|block| !action.blocks_done.contains(block)) {
        let targets = store.targets(&action.org_id, action.id, block).await?;
        for (target, channel, at) in layout::rows(block, &targets, action.routing, &channels) {
            if !there.contains(&at.chunk) {
                let id = MessageId { send: action.id.ulid(), chunk: at.chunk, slot: at.slot };
                let member_id = target.member_id.clone();
                candidates.push(Candidate { id, member_id, channel, covered_by: None });
            }
        }
    }
    Ok(candidates)
}

/// The rows that earlier retries took.
async fn taken(store: &Store, action: &Action) -> Result<HashSet<RowPlace>, Error> {
    let mut taken = HashSet::new();
    for id in &action.retries {
        let retry = store.action(&action.org_id, *id).await?.ok_or(Error::Missing("a retry"))?;
        let targets = store.all_targets(&action.org_id, *id, 0..retry.blocks()).await?;
        taken.extend(targets.into_iter().flat_map(|target| target.retried.into_values()));
    }
    Ok(taken)
}
