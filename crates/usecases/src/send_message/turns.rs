//! When the parcels of a block are due: each sender's behind all that it has to do before.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::pace::Terms;
use domain::settings::ChannelSettings;
use domain::{Channel, MessageStatus, Timestamp};
use store::action::Action;
use store::content::FrozenContent;
use store::parcel::Parcel;
use store::row::Row;
use wire::queue::DispatchJob;

use super::SendMessage;
use crate::{Error, jobs, pacing};

/// When the parts of a chunk are due, by channel.
pub(super) type Turns = BTreeMap<Channel, Timestamp>;

/// When each channel's part of each chunk is due: behind all that its sender has to do before.
pub(super) async fn take(
    deps: &SendMessage,
    action: &Action,
    content: &FrozenContent,
    channels: &[ChannelSettings],
    chunks: &[Vec<Row>],
) -> Result<Vec<Turns>, Error> {
    let mut turns = vec![Turns::new(); chunks.len()];
    let now = deps.clock.now();
    for channel in Channel::ALL {
        let waits = |row: &&Row| row.channel == channel && row.status == MessageStatus::Queued;
        let settings = channels.iter().find(|settings| settings.channel == channel);
        let first = chunks.iter().flatten().find(waits);
        let (Some(settings), Some(first)) = (settings, first) else { continue };
        // One message stands for the others: a plan may be a little wrong.
        let units =
            content.message(channel).map_or(1, |message| pacing::units_of(&message.body, &first.values));
        let terms = Terms::from(settings);
        let of_chunk =
            |rows: &Vec<Row>| units * u64::try_from(rows.iter().filter(waits).count()).unwrap_or(0);
        let all = chunks.iter().map(of_chunk).sum();
        let work = pacing::Work { terms, units: all, from: now };
        let mut start = pacing::queue_up(&deps.store, &action.org_id, channel, work).await?;
        for (rows, turns) in chunks.iter().zip(&mut turns) {
            turns.insert(channel, pacing::due(start, now).min(action.expires_at));
            start = start + terms.length(of_chunk(rows));
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
