//! `POST /bulk-actions`: accepts a send, freezes its targets and its content, and starts it.

use std::collections::HashSet;
use std::time::Duration;

use domain::content::Content;
use domain::permission::Caller;
use domain::settings::ChannelSettings;
use domain::{BulkActionId, Channel, MemberId, OrgId, Routing, Timestamp};
use store::Store;
use store::accept::{Acceptance, Accepted, With};
use store::action::{Action, FAN_OUT_PATIENCE, Selected, USEFUL_FOR};
use store::content::FrozenContent;
use store::directory::{MemberFilter, Selection};
use store::pace::SenderNow;
use store::targets::Target;
use wire::api::bulk_action::{CreateBulkAction, MAX_TARGETS, Targets};
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::problem::{FieldError, Problem};

use super::accept::{admit, in_progress, key_of, made_before, replayed};
use super::{CreateBulkActions, content};
use crate::estimate::{estimate, expected};
use crate::jobs::{self, HANDED_OUT_BEFORE};
use crate::{Refused, view};

/// The latest start, from now.
const MAX_SCHEDULE: Duration = Duration::from_hours(365 * 24);
/// The latest end of usefulness, from the start.
const MAX_USEFUL: Duration = Duration::from_hours(366 * 24);
/// A start that lies no further in the past counts as now.
const JUST_NOW: Duration = Duration::from_mins(1);
/// Acceptances that others may overtake before a caller is asked to come again. The limit itself lets ten through.
const TRIES: u32 = 12;

/// Answers 202 with the action.
pub(super) async fn create(
    deps: &CreateBulkActions,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let body = Body::of(request)?;
    let wanted = CreateBulkAction::read(&body)?;
    let now = deps.clock.now();
    let key = key_of(request, "/bulk-actions")?;
    if let Some(made) = made_before(&deps.store, deps.clock.as_ref(), org, key.as_ref()).await? {
        return again(&deps.store, org, &made, deps.clock.now()).await;
    }
    // After the key: what is answered again may have been accepted long ago.
    let times = Times::of(&wanted, now)?;
    let senders = deps.store.senders(org).await?;
    let channels = settings_of(&senders);
    let messages = content::freeze(&deps.store, caller, &channels, &wanted.messages).await?;
    admit(deps, caller).await?;
    let selected = selected(&wanted.targets);
    let (targets, duplicates_removed) = targets(&deps.store, org, wanted.targets).await?;

    let action = Action {
        schedule_at: wanted.schedule_at,
        routing: wanted.routing,
        dedupe: wanted.dedupe,
        duplicates_removed,
        selected: Some(selected),
        ..Action::accepted(org.clone(), BulkActionId::new(deps.ids.ulid(now)), &caller.sub, now)
    };
    let frozen = FrozenContent {
        receipt_window_s: windows(&channels),
        messages,
        as_given: body.get("messages").cloned().unwrap_or_default(),
    };
    let action = planned(action, &frozen.messages, &senders, &targets, times);
    // Targets first: an action that can be found can be carried out.
    deps.store.freeze_targets(org, action.id, &targets, action.expires_at).await?;
    for _ in 0..TRIES {
        let limit = admit(deps, caller).await?;
        let with = With::Bulk { limit: &limit, retried: None };
        let acceptance = Acceptance { action: &action, content: &frozen, key: key.as_ref(), with };
        match deps.store.accept(acceptance).await? {
            Accepted::Yes => return Ok(accepted(deps, action, frozen, &channels).await),
            Accepted::Stale => {
                if let Some(made) = made_before(&deps.store, deps.clock.as_ref(), org, key.as_ref()).await? {
                    return again(&deps.store, org, &made, deps.clock.now()).await;
                }
            }
        }
    }
    Err(in_progress())
}

/// The settings of senders.
pub(super) fn settings_of(senders: &[SenderNow]) -> Vec<ChannelSettings> {
    senders.iter().map(|sender| sender.settings.clone()).collect()
}

/// The seconds for which each channel waits for receipts.
fn windows(channels: &[ChannelSettings]) -> std::collections::BTreeMap<Channel, u32> {
    channels.iter().map(|settings| (settings.channel, settings.receipt_window_s)).collect()
}

/// An action with its targets, and with what follows from their number and from when it is to leave. Unless the caller says otherwise it is useful for a day
/// after the last message was to leave: what its sender sends in three days does not expire after one.
pub(super) fn planned(
    action: Action,
    messages: &[Content],
    senders: &[SenderNow],
    targets: &[Target],
    Times { leaves_at, expires_at }: Times,
) -> Action {
    let rows = |target: &Target| match (action.routing, target.retried.len()) {
        (Routing::FirstReachable, _) => 1,
        (Routing::All, 0) => messages.len() as u64,
        (Routing::All, retried) => retried as u64,
    };
    let handed_out = leaves_at <= action.created_at + HANDED_OUT_BEFORE;
    let due = if handed_out { leaves_at + FAN_OUT_PATIENCE } else { leaves_at - HANDED_OUT_BEFORE };
    let loads = expected(action.routing, messages, targets.len() as u64);
    let estimate = estimate(loads, senders, leaves_at, action.created_at);
    Action {
        targets: u32::try_from(targets.len()).unwrap_or(u32::MAX),
        total: targets.iter().map(rows).sum(),
        estimated_completion: Some(estimate.completion),
        spans_days: Some(estimate.spans_days),
        expires_at: expires_at.unwrap_or(estimate.completion + USEFUL_FOR),
        handed_out,
        fan_out_at: leaves_at,
        due_at: Some(due),
        ..action
    }
}

/// The action is accepted whatever becomes of its start: reconcile starts what SQS did not take.
pub(super) async fn accepted(
    deps: &CreateBulkActions,
    action: Action,
    frozen: FrozenContent,
    channels: &[ChannelSettings],
) -> Reply {
    if action.handed_out {
        let delay = jobs::delay(action.created_at, action.fan_out_at);
        if let Err(error) = deps.queue.send(&[jobs::first(&action)], delay).await {
            tracing::error!(bulk_action_id = %action.id, error = %telemetry::chain(&error), "an action waits for reconcile to start it");
        }
    }
    let location = format!("/bulk-actions/{}", action.id);
    Reply::json(202, &view::action_view(action, frozen, channels)).header("location", location)
}

/// The answer to a request that was accepted before: the action as it is now.
pub(super) async fn again(store: &Store, org: &OrgId, made: &str, now: Timestamp) -> Result<Reply, Refused> {
    let id: BulkActionId = made.parse().map_err(|_| crate::Error::Missing("the action of a key"))?;
    let action = store.action(org, id).await?.ok_or(crate::Error::Missing("the action of a key"))?;
    let view = view::of_action(store, org, action, now).await?;
    Ok(replayed(Reply::json(202, &view).header("location", format!("/bulk-actions/{id}"))))
}

/// When a send leaves and until when it is useful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) leaves_at: Timestamp,
    /// `None` follows from what its senders can do.
    pub(super) expires_at: Option<Timestamp>,
}

impl Times {
    /// # Errors
    /// 422 naming what does not fit.
    pub(super) fn of(wanted: &CreateBulkAction, now: Timestamp) -> Result<Self, Problem> {
        let leaves_at = wanted.schedule_at.map_or(now, |at| at.max(now));
        let mut errors = Vec::new();
        match wanted.schedule_at {
            Some(at) if at + JUST_NOW < now => {
                errors.push(FieldError::new("schedule_at", "past", "must not be in the past"));
            }
            Some(at) if at > now + MAX_SCHEDULE => {
                errors.push(FieldError::new("schedule_at", "too_far", "must be within 365 days"));
            }
            Some(_) | None => {}
        }
        match wanted.expires_at {
            Some(at) if at <= now => {
                errors.push(FieldError::new("expires_at", "past", "must be in the future"));
            }
            Some(at) if at <= leaves_at => {
                errors.push(FieldError::new("expires_at", "before_start", "must be after schedule_at"));
            }
            Some(at) if at > leaves_at + MAX_USEFUL => {
                let message = "must be within 366 days of the start";
                errors.push(FieldError::new("expires_at", "too_far", message));
            }
            Some(_) | None => {}
        }
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        Ok(Self { leaves_at, expires_at: wanted.expires_at })
    }
}

/// How the targets were named, for whoever asks why somebody got a message.
fn selected(wanted: &Targets) -> Selected {
    match wanted {
        Targets::Ids(_) => Selected::Listed,
        Targets::Matching(filter) => {
            Selected::Matching { unit_id: filter.unit_id.clone(), searched: filter.q.is_some() }
        }
    }
}

/// The targets in their order, each once, and how many were named more than once.
pub(super) async fn targets(
    store: &Store,
    org: &OrgId,
    wanted: Targets,
) -> Result<(Vec<Target>, u32), Refused> {
    let filter = match wanted {
        Targets::Ids(ids) => {
            let named = ids.len();
            let mut seen = HashSet::with_capacity(named);
            let once: Vec<MemberId> = ids.into_iter().filter(|id| seen.insert(id.clone())).collect();
            let removed = u32::try_from(named - once.len()).unwrap_or(u32::MAX);
            return Ok((once.into_iter().map(Target::from).collect(), removed));
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
        Selection::Members(ids) => Ok((ids.into_iter().map(Target::from).collect(), 0)),
    }
}
