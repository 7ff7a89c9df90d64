//! What waits for a sender gets its turn by what the sender really does: a hole in the plan is filled, another rate or a limit that is used up
//! shifts everything. See `infra/decisions/0010`.

mod place;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{BulkActionStatus, Channel, OrgId, SendSource, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::action::Action;
use store::parcel::Parcel;
use ulid::Ulid;
use wire::queue::DispatchJob;

use self::place::{Place, Placed, place};
use super::Reconcile;
use super::measure::Tick;
use crate::{Error, jobs, pacing};

/// Senders that are looked at at once, and parcels of one that are handed out at once.
const CONCURRENT: usize = 8;
/// A plan that is wrong by less is left as it is.
const GOOD_ENOUGH: Duration = Duration::from_secs(5);
/// What an action that waits says of its end may be wrong by so much: less is not worth a write.
const GOOD_ENOUGH_TO_SAY: Duration = Duration::from_mins(1);

/// The parcels that were found open in a tick, by sender, each once: an action that changes while it is looked at is looked at again.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BySender>);

type BySender = BTreeMap<(OrgId, Channel), BTreeMap<(Ulid, u32), Open>>;

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
        self.lock().entry(sender).or_default().insert((action.id.ulid(), parcel.chunk), open);
    }

    fn take(&self) -> BySender {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BySender> {
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
            if let Err(error) = follow_sender(deps, &org, channel, open.into_values().collect()).await {
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
        let found_out = waiting.map(|open| Place { open, due: now, begin: None }).collect();
        return hand_out(deps, org, channel, found_out, now).await;
    };
    let now = deps.clock.now();
    let grows = open.iter().any(|open| open.grows);
    let Placed { places, end } = place(&sender, open, now);
    let (near, others): (Vec<Place>, Vec<Place>) = places
        .into_iter()
        .partition(|place| place.open.parcel.waits() && place.due <= now + pacing::ON_QUEUE);
    hand_out(deps, org, channel, near, now).await?;
    if let (Some(planned), Some(end)) = (sender.planned, end) {
        let too_long = planned > end.max(now) + GOOD_ENOUGH && !grows;
        if too_long || planned + GOOD_ENOUGH < end {
            deps.store.correct_plan(org, channel, planned, end.max(now)).await?;
        }
    }
    stream::iter(moved(others, now).map(Ok))
        .try_for_each_concurrent(CONCURRENT, async |(send, parcel, begin)| {
            Ok(deps.store.expect_parcel(org, send, &parcel, begin).await?)
        })
        .await
}

/// Of each action the last parcel, if its slots are far from where they are said to be, and where they are.
fn moved(places: Vec<Place>, now: Timestamp) -> impl Iterator<Item = (Ulid, Parcel, Timestamp)> {
    let mut last: BTreeMap<Ulid, (Parcel, Timestamp)> = BTreeMap::new();
    for Place { open, begin, .. } in places {
        let DispatchJob::V1 { bulk_action_id, .. } = open.job;
        if let Some(begin) = begin.filter(|_| open.parcel.claim.is_none()) {
            last.insert(bulk_action_id.ulid(), (open.parcel, begin));
        }
    }
    last.into_iter().filter_map(move |(send, (parcel, begin))| {
        let said = parcel.turn_at().max(now);
        (said.apart(begin) > GOOD_ENOUGH_TO_SAY).then_some((send, parcel, begin))
    })
}

/// Makes parcels due, and puts those on their queue that nobody else did.
async fn hand_out<A>(
    deps: &Reconcile<A>,
    org: &OrgId,
    channel: Channel,
    places: Vec<Place>,
    now: Timestamp,
) -> Result<(), Error> {
    let ours = stream::iter(places)
        .map(async |Place { open: Open { job, parcel, .. }, due, .. }| {
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

#[cfg(test)]
mod tests;
