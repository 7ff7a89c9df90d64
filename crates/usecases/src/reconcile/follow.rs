//! What waits for a sender gets its turn by what the sender really does: a hole in the plan is filled, another rate or a limit that is used up
//! shifts everything. See `infra/decisions/0010`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::pace::{Load, Outlook};
use domain::settings::ChannelStatus;
use domain::{BulkActionStatus, Channel, OrgId, SendSource, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::action::Action;
use store::pace::SenderNow;
use store::parcel::Parcel;
use ulid::Ulid;
use wire::queue::DispatchJob;

use super::Reconcile;
use super::measure::Tick;
use crate::dispatch::PROBE_AFTER;
use crate::{Error, jobs, pacing};

/// Senders that are looked at at once, and parcels of one that are handed out at once.
const CONCURRENT: usize = 8;
/// A plan that is wrong by less is left as it is.
const GOOD_ENOUGH: Duration = Duration::from_secs(5);
/// What an action that waits says of its end may be wrong by so much: less is not worth a write.
const GOOD_ENOUGH_TO_SAY: Duration = Duration::from_mins(1);

/// The parcels that were found open in a tick, by sender.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<(OrgId, Channel), Vec<Open>>>);

/// A parcel that is not done.
#[derive(Debug, Clone)]
pub(super) struct Open {
    job: DispatchJob,
    parcel: Parcel,
    expires_at: Timestamp,
    /// Whether it is a reply or a single send, which waits for nobody.
    direct: bool,
    /// Whether more of its action is being written, whose place in the plan is not to be seen yet.
    grows: bool,
}

impl Turns {
    /// An action's parcel is open.
    pub(super) fn wants(&self, action: &Action, parcel: &Parcel) {
        let open = Open {
            job: jobs::dispatch(action, parcel),
            parcel: parcel.clone(),
            expires_at: action.expires_at,
            direct: action.source == SendSource::Single,
            grows: action.status == BulkActionStatus::Processing,
        };
        let sender = (action.org_id.clone(), parcel.channel);
        self.lock().entry(sender).or_default().push(open);
    }

    fn take(&self) -> BTreeMap<(OrgId, Channel), Vec<Open>> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(OrgId, Channel), Vec<Open>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out what was found in the tick and is near, sender by sender.
pub(super) async fn follow<A>(deps: &Reconcile<A>, tick: &Tick, deadline: Timestamp) {
    stream::iter(tick.turns.take())
        .for_each_concurrent(CONCURRENT, async |((org, channel), open)| {
            if deps.clock.now() >= deadline {
                return;
            }
            if let Err(error) = follow_sender(deps, &org, channel, open).await {
                tick.note(|report| report.failed += 1);
                tracing::error!(org_id = %org, %channel, error = %telemetry::chain(&error), "a sender's work could not be handed out");
            }
        })
        .await;
}

async fn follow_sender<A>(
    deps: &Reconcile<A>,
    org: &OrgId,
    channel: Channel,
    open: Vec<Open>,
) -> Result<(), Error> {
    let Some(sender) = deps.store.sender(org, channel).await? else {
        // Nobody sends it: it finds that out at once.
        let now = deps.clock.now();
        let waiting = open.into_iter().filter(|open| open.parcel.waits());
        let turns = waiting.map(|open| Turn { open, due: now, begin: None }).collect();
        return hand_out(deps, org, channel, turns, now).await;
    };
    let now = deps.clock.now();
    let grows = open.iter().any(|open| open.grows);
    let Placed { turns, end } = place(&sender, open, now);
    let (near, others): (Vec<Turn>, Vec<Turn>) =
        turns.into_iter().partition(|turn| turn.open.parcel.waits() && turn.due <= now + pacing::ON_QUEUE);
    hand_out(deps, org, channel, near, now).await?;
    expect(deps, org, others).await?;
    match (sender.planned, end) {
        (Some(planned), Some(end)) => {
            let too_long = planned > end.max(now) + GOOD_ENOUGH && !grows;
            if too_long || planned + GOOD_ENOUGH < end {
                deps.store.correct_plan(org, channel, planned, end.max(now)).await?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Makes parcels due, and puts those on their queue that nobody else did.
async fn hand_out<A>(
    deps: &Reconcile<A>,
    org: &OrgId,
    channel: Channel,
    turns: Vec<Turn>,
    now: Timestamp,
) -> Result<(), Error> {
    let ours = stream::iter(turns)
        .map(async |Turn { open: Open { job, parcel, .. }, due, .. }| {
            let DispatchJob::V1 { bulk_action_id, .. } = &job;
            let ours = deps.store.hand_out_parcel(org, bulk_action_id.ulid(), &parcel, due).await?;
            Ok::<_, Error>(ours.then_some((jobs::delay(now, due), job)))
        })
        .buffered(CONCURRENT)
        .try_collect::<Vec<_>>()
        .await?;
    let mut by_delay: BTreeMap<Duration, Vec<DispatchJob>> = BTreeMap::new();
    for (delay, job) in ours.into_iter().flatten() {
        by_delay.entry(delay).or_default().push(job);
    }
    for (delay, jobs) in by_delay {
        deps.dispatch.of(channel).send(&jobs, delay).await?;
    }
    Ok(())
}

/// Corrects what is said of actions whose last parcel moved far from where it was planned.
async fn expect<A>(deps: &Reconcile<A>, org: &OrgId, turns: Vec<Turn>) -> Result<(), Error> {
    let mut last: BTreeMap<Ulid, (Parcel, Timestamp)> = BTreeMap::new();
    for Turn { open, begin, .. } in turns {
        let DispatchJob::V1 { bulk_action_id, .. } = open.job;
        if let Some(begin) = begin.filter(|_| open.parcel.claim.is_none()) {
            last.insert(bulk_action_id.ulid(), (open.parcel, begin));
        }
    }
    let moved = last.into_iter().filter(|(_, (parcel, begin))| {
        let said = parcel.turn_at();
        said.since(*begin).max(begin.since(said)) > GOOD_ENOUGH_TO_SAY
    });
    stream::iter(moved.map(Ok))
        .try_for_each_concurrent(CONCURRENT, async |(send, (parcel, begin))| {
            Ok(deps.store.expect_parcel(org, send, &parcel, begin).await?)
        })
        .await
}

/// A parcel that waits or is on its way, with its turn.
struct Turn {
    open: Open,
    /// When it is to come to its function.
    due: Timestamp,
    /// When its slots are likely to be free; `None` if that is not for its sender's other work to say.
    begin: Option<Timestamp>,
}

/// What is open, with its turns.
struct Placed {
    turns: Vec<Turn>,
    /// When everything will have left; `None` if nobody knows.
    end: Option<Timestamp>,
}

/// Gives each parcel its turn, in the order in which they were planned and around those that are on their way already.
fn place(sender: &SenderNow, open: Vec<Open>, now: Timestamp) -> Placed {
    let (mut waiting, mut on_the_way): (Vec<Open>, Vec<Open>) =
        open.into_iter().partition(|open| open.parcel.waits());
    waiting.sort_by_key(|open| (!open.direct, open.parcel.due_at, open.parcel.chunk));
    if sender.settings.status == ChannelStatus::Paused {
        return place_paused(sender, waiting, &on_the_way, now);
    }
    on_the_way.sort_by_key(|open| open.parcel.due_at);
    let mut on_the_way = on_the_way.into_iter().peekable();
    let mut outlook = sender.outlook(now);
    let mut turns = Vec::with_capacity(waiting.len() + on_the_way.len());
    let go_on = |outlook: &mut Outlook, open: Open| {
        let (due, begin) = (open.parcel.due_at, outlook.begin().max(open.parcel.due_at));
        outlook.run(open.parcel.left);
        Turn { open, due, begin: Some(begin) }
    };
    for open in waiting {
        if open.parcel.has_its_time(now) {
            let due = open.parcel.due_at;
            turns.push(Turn { open, due, begin: None });
            continue;
        }
        while let Some(before) = on_the_way.next_if(|open| open.parcel.due_at <= outlook.begin()) {
            turns.push(go_on(&mut outlook, before));
        }
        let begin = outlook.begin();
        let due = pacing::due(begin, now).min(open.expires_at).max(now);
        if begin < open.expires_at {
            outlook.run(open.parcel.left);
        }
        let begin = Some(begin.min(open.expires_at));
        turns.push(Turn { open, due, begin });
    }
    turns.extend(on_the_way.map(|open| go_on(&mut outlook, open)));
    Placed { turns, end: Some(outlook.run(Load::default())) }
}

/// Of all that wait for a sender that was refused, one tries it again, unless something is on its way there. The others wait until that changes,
/// or until they expire.
fn place_paused(sender: &SenderNow, waiting: Vec<Open>, on_the_way: &[Open], now: Timestamp) -> Placed {
    let probe_at = sender.settings.status_at.filter(|_| !sender.settings.held).map(|at| at + PROBE_AFTER);
    let mut probe_at = probe_at.filter(|_| on_the_way.is_empty());
    let turns = waiting.into_iter().map(|open| {
        let due = if open.parcel.has_its_time(now) {
            open.parcel.due_at
        } else {
            probe_at.take().map_or(open.expires_at, |at| at.min(open.expires_at)).max(now)
        };
        Turn { open, due, begin: None }
    });
    Placed { turns: turns.collect(), end: None }
}

#[cfg(test)]
mod tests;
