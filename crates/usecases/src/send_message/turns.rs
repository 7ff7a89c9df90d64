//! When the parcels of a block are due: each sender's behind all that it has to do before.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::pace::{Load, Terms};
use domain::{Channel, MessageStatus, Timestamp};
use store::action::Action;
use store::content::FrozenContent;
use store::pace::SenderNow;
use store::parcel::Parcel;
use store::row::Row;
use wire::queue::DispatchJob;

use super::SendMessage;
use crate::{Error, jobs, pacing};

/// When the part of a chunk is due that goes out on one channel, and what it comes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) due_at: Timestamp,
    pub(super) load: Load,
}

/// The turns of a chunk, by channel.
pub(super) type Turns = BTreeMap<Channel, Turn>;

/// When each channel's part of each chunk is due: behind all that its sender has to do before, and as far as its limit of 24 hours has room.
pub(super) async fn take(
    deps: &SendMessage,
    action: &Action,
    content: &FrozenContent,
    senders: &[SenderNow],
    chunks: &[Vec<Row>],
) -> Result<Vec<Turns>, Error> {
    let mut turns = vec![Turns::new(); chunks.len()];
    let now = deps.clock.now();
    for sender in senders {
        let channel = sender.settings.channel;
        let waits = |row: &&Row| row.channel == channel && row.status == MessageStatus::Queued;
        let Some(first) = chunks.iter().flatten().find(waits) else { continue };
        // One message stands for the others: a plan may be a little wrong.
        let units =
            content.message(channel).map_or(1, |message| pacing::units_of(&message.body, &first.values));
        let load_of = |rows: &Vec<Row>| {
            let messages = u64::try_from(rows.iter().filter(waits).count()).unwrap_or(0);
            Load { messages, units: units * messages }
        };
        let all = chunks.iter().map(|rows| load_of(rows).units).sum();
        let terms = Terms::from(&sender.settings);
        let work = pacing::Work { terms, units: all, from: now };
        let start = pacing::queue_up(&deps.store, &action.org_id, channel, work).await?;
        let mut outlook = sender.outlook(now);
        outlook.run_planned(Some(start));
        for (rows, turns) in chunks.iter().zip(&mut turns) {
            let load = load_of(rows);
            let due_at = pacing::due(outlook.begin(), now).min(action.expires_at);
            turns.insert(channel, Turn { due_at, load });
            outlook.run(load);
        }
    }
    Ok(turns)
}

/// Puts parcels on their queues whose turn is near. The others wait for reconcile.
pub(super) async fn hand_out(deps: &SendMessage, action: &Action, parcels: &[Parcel]) -> Result<(), Error> {
    let now = deps.clock.now();
    let mut jobs: BTreeMap<(Channel, Duration), Vec<DispatchJob>> = BTreeMap::new();
    for parcel in parcels.iter().filter(|parcel| parcel.driven_at >= parcel.due_at) {
        let delay = jobs::delay(now, parcel.due_at);
        jobs.entry((parcel.channel, delay)).or_default().push(jobs::dispatch(action, parcel));
    }
    for ((channel, delay), jobs) in jobs {
        deps.dispatch.of(channel).send(&jobs, delay).await?;
    }
    Ok(())
}
