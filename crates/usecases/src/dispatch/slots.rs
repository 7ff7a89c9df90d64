//! Slots for a group of calls, taken just before it. See `infra/decisions/0010`.

use std::time::Duration;

use channels::Sender;
use domain::pace::{Day, Grid, Meter, TOLERANCE, Taking};
use domain::{OrgId, Timestamp};
use store::pace::{Take, Taken};

use super::sender::Line;
use super::{Connect, Dispatch};
use crate::Error;

/// How long a dispatcher waits in its place for slots that others have. Longer waits are DynamoDB's.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// By how much later the first slot is taken when the ones before began while we were still busy.
const LEAD: Duration = Duration::from_millis(25);
const LONGEST_LEAD: Duration = Duration::from_millis(400);

/// Slots that are ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slots {
    grid: Grid,
    first: u64,
    stride: u64,
}

impl Slots {
    /// When the slot of the `unit`-th of our units begins.
    pub(super) fn begin(&self, unit: u64) -> Timestamp {
        self.grid.begin(self.first + unit * self.stride)
    }

    /// The quarter of an hour in which the messages are counted.
    pub(super) fn quarter(&self, units: u64) -> u64 {
        Day::quarter_of(self.begin(units))
    }
}

/// Whether it is our turn.
pub(super) enum Turn {
    /// These slots are ours.
    Ours(Slots),
    /// Nothing is free before.
    NotBefore(Timestamp),
    /// The sender's pace, or its room of the day, is less than it was when they were put together.
    TooMany,
    /// The sender was paused meanwhile.
    Resting,
}

/// Takes slots for `messages` messages of `units` slots altogether, waiting a little where others are before us.
pub(super) async fn take<C: Connect>(
    deps: &Dispatch<C>,
    org: &OrgId,
    line: &mut Line<C::Sender>,
    units: u64,
    messages: u32,
) -> Result<Turn, Error> {
    let began_at = deps.clock.now();
    loop {
        let now = deps.clock.now();
        if line.resting(now) {
            return Ok(Turn::Resting);
        }
        if now.since(began_at) > PATIENCE {
            return Ok(Turn::NotBefore(now));
        }
        let Some(meter) = line.meter.clone() else {
            renew(deps, org, line, Meter::new(line.terms, now)).await?;
            continue;
        };
        match meter.taking(line.terms, line.ahead, units, messages, now + line.lead) {
            Taking::TooMany => return Ok(Turn::TooMany),
            Taking::Renew(renewed) => renew(deps, org, line, renewed).await?,
            Taking::Wait(until) if until.since(began_at) > PATIENCE => return Ok(Turn::NotBefore(until)),
            Taking::Wait(until) => {
                deps.timer.sleep(until.since(now)).await;
                line.look(deps, org).await?;
            }
            Taking::Slots { first, latest, stride, most_used } => {
                let take = Take { slots: units * stride, messages, first, latest, most_used };
                match deps.store.take_slots(org, C::CHANNEL, &meter, take).await? {
                    Taken::Slots(first) => {
                        return Ok(Turn::Ours(Slots { grid: meter.grid, first, stride }));
                    }
                    // Others took theirs meanwhile; what stands there now came with the refusal.
                    Taken::Refused(present) => line.meter = present,
                }
            }
        }
    }
}

async fn renew<C: Connect>(
    deps: &Dispatch<C>,
    org: &OrgId,
    line: &mut Line<C::Sender>,
    renewed: Meter,
) -> Result<(), Error> {
    if deps.store.renew_meter(org, C::CHANNEL, line.meter.as_ref(), &renewed).await? {
        line.meter = Some(renewed);
        return Ok(());
    }
    line.look(deps, org).await
}

/// Waits for the slot that begins at `begin`. Whether we are in time for it.
pub(super) async fn is_in_time<C: Connect>(deps: &Dispatch<C>, begin: Timestamp) -> bool {
    let wait = begin.since(deps.clock.now());
    if !wait.is_zero() {
        deps.timer.sleep(wait).await;
    }
    deps.clock.now() <= begin + TOLERANCE
}

impl<S: Sender> Line<S> {
    /// We were too late for slots that we had taken: the next ones are taken further ahead.
    pub(super) fn was_late(&mut self) {
        self.lead = (self.lead + LEAD).min(LONGEST_LEAD);
    }

    /// We were in time for all of them: what was a busy moment does not slow the rest down.
    pub(super) fn was_in_time(&mut self) {
        self.lead = self.lead * 3 / 4;
    }
}
