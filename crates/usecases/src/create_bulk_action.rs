//! `create-bulk-action`: accepts a send, freezes its targets and its content, and starts it.

mod content;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::counts::Counts;
use domain::permission::{Caller, Permission};
use domain::{BulkActionId, BulkActionStatus, Channel, Clock, Ids, MemberId, OrgId, Routing, Timestamp};
use queue::Queue;
use store::Store;
use store::action::{Action, FAN_OUT_PATIENCE, Move};
use store::content::FrozenContent;
use store::directory::{MemberFilter, Selection};
use wire::api::bulk_action::{CreateBulkAction, MAX_TARGETS, Targets};
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::problem::{FieldError, Problem};
use wire::queue::SendMessageJob;

use crate::Refused;
use crate::view::action_view;

/// How long a message is worth sending, unless the caller says otherwise.
const USEFUL_FOR: Duration = Duration::from_hours(24);
/// The latest end of usefulness.
const MAX_AHEAD: Duration = Duration::from_hours(366 * 24);

/// What `create-bulk-action` needs.
pub struct CreateBulkActions {
    /// The database.
    pub store: Store,
    /// Where the fan-out starts.
    pub queue: Queue<SendMessageJob>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// The action's id.
    pub ids: Arc<dyn Ids>,
}

/// Answers a request by its route.
pub async fn create_bulk_action(deps: &CreateBulkActions, request: &Request) -> Reply {
    crate::reply(answer(deps, request).await)
}

async fn answer(deps: &CreateBulkActions, request: &Request) -> Result<Reply, Refused> {
    match request.route.as_str() {
        "POST /bulk-actions" => create(deps, request).await,
        _ => Err(Problem::not_found("route").into()),
    }
}

/// `POST /bulk-actions`. Answers 202 with the action.
async fn create(deps: &CreateBulkActions, request: &Request) -> Result<Reply, Refused> {
    let caller = crate::caller(request)?;
    crate::permit(caller.require_all(&[Permission::MembersEdit, Permission::MessagingSend]))?;
    let body = Body::parse(&request.body, request.header("content-type"))?;
    let wanted = CreateBulkAction::read(&body)?;
    let now = deps.clock.now();
    let expires_at = expires_at(&wanted, now)?;

    let channels = deps.store.channels(&caller.org_id).await?;
    let messages = content::freeze(&deps.store, caller, &channels, &wanted.messages).await?;
    let (targets, duplicates_removed) = targets(&deps.store, &caller.org_id, wanted.targets).await?;
    let frozen = FrozenContent {
        receipt_window_s: channels
            .iter()
            .map(|settings| (settings.channel, settings.receipt_window_s))
            .collect(),
        messages,
        as_given: body.get("messages").cloned().unwrap_or_default(),
    };

    let id = BulkActionId::new(deps.ids.ulid(now));
    let counted = u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let rows_per_target = match wanted.routing {
        Routing::All => frozen.messages.len() as u64,
        Routing::FirstReachable => 1,
    };
    let action = Action {
        targets: counted,
        duplicates_removed,
        total: u64::from(counted) * rows_per_target,
        routing: wanted.routing,
        expires_at,
        ..accepted(caller, id, now)
    };
    // Targets first: an action that can be found can be carried out.
    deps.store.freeze_targets(&caller.org_id, id, &targets, expires_at).await?;
    deps.store.create_action(&action, &frozen).await?;
    start(deps, &action).await;
    let view = action_view(action, frozen.as_given, None);
    Ok(Reply::json(202, &view).header("location", format!("/bulk-actions/{id}")))
}

fn accepted(caller: &Caller, id: BulkActionId, now: Timestamp) -> Action {
    Action {
        org_id: caller.org_id.clone(),
        id,
        status: BulkActionStatus::Queued,
        created_by: caller.sub.clone(),
        created_at: now,
        routing: Routing::All,
        targets: 0,
        duplicates_removed: 0,
        total: 0,
        expires_at: now + USEFUL_FOR,
        started_at: None,
        delegated_at: None,
        finished_at: None,
        corrected_at: None,
        failure_reason: None,
        counts: Counts::default(),
        reconciled_at: None,
        counting_at: None,
        history: vec![Move { status: BulkActionStatus::Queued, at: now, by: caller.sub.clone() }],
        blocks_done: std::collections::BTreeSet::new(),
        drives: 0,
        fan_out_at: now,
        due_at: Some(now + FAN_OUT_PATIENCE),
        version: 1,
    }
}

/// The action is accepted whatever becomes of this: reconcile starts what SQS did not take.
async fn start(deps: &CreateBulkActions, action: &Action) {
    let job = SendMessageJob::V1 {
        org_id: action.org_id.clone(),
        bulk_action_id: action.id,
        from_block: 0,
        to_block: action.blocks(),
    };
    if let Err(error) = deps.queue.send(&[job], Duration::ZERO).await {
        tracing::error!(bulk_action_id = %action.id, error = %telemetry::chain(&error), "an action waits for reconcile to start it");
    }
}

fn expires_at(wanted: &CreateBulkAction, now: Timestamp) -> Result<Timestamp, Problem> {
    let fail = |code, message: &str| Problem::invalid(vec![FieldError::new("expires_at", code, message)]);
    match wanted.expires_at {
        None => Ok(now + USEFUL_FOR),
        Some(at) if at <= now => Err(fail("past", "must be in the future")),
        Some(at) if at > now + MAX_AHEAD => Err(fail("too_far", "must be within 366 days")),
        Some(at) => Ok(at),
    }
}

/// The targets in their order, each once, and how many were named more than once.
async fn targets(store: &Store, org: &OrgId, wanted: Targets) -> Result<(Vec<MemberId>, u32), Refused> {
    let filter = match wanted {
        Targets::Ids(ids) => {
            let named = ids.len();
            let mut seen = HashSet::with_capacity(named);
            let once: Vec<MemberId> = ids.into_iter().filter(|id| seen.insert(id.clone())).collect();
            let removed = u32::try_from(named - once.len()).unwrap_or(u32::MAX);
            return Ok((once, removed));
        }
        Targets::Matching(filter) => filter,
    };
    let fail = |code, message: String| {
        Problem::invalid(vec![FieldError::new("selection.all_matching", code, message)])
    };
    let filter = MemberFilter { unit_id: filter.unit_id, q: filter.q };
    match store.select_members(org, &filter, MAX_TARGETS).await? {
        Selection::TooMany => {
            Err(fail("too_many", format!("matches more than {MAX_TARGETS} members; narrow it")).into())
        }
        Selection::Members(ids) if ids.is_empty() => Err(fail("empty", "matches no member".into()).into()),
        Selection::Members(ids) => Ok((ids, 0)),
    }
}

/// A channel of the organisation, for messages about it.
pub(crate) fn not_configured(index: usize, channel: Channel) -> FieldError {
    let message = format!("the organisation has not set up {}", channel.label());
    FieldError::new(format!("messages[{index}].channel"), "channel_not_configured", message)
}
