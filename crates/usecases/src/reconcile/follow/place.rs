//! Who goes when: the parcels of one sender in the order in which they were planned.

use domain::Timestamp;
use domain::pace::{Load, Outlook};
use domain::settings::ChannelStatus;
use store::pace::SenderNow;

use super::Open;
use crate::dispatch::PROBE_AFTER;
use crate::pacing;

/// A parcel with its place.
pub(super) struct Place {
    pub(super) open: Open,
    /// When it is to come to its function; of one that is on its way, when it was to.
    pub(super) due: Timestamp,
    /// When its slots are likely to be free, if what its sender does before says so.
    pub(super) begin: Option<Timestamp>,
}

/// What is open.
pub(super) struct Placed {
    pub(super) places: Vec<Place>,
    /// When everything will have left; `None` if nobody knows.
    pub(super) end: Option<Timestamp>,
}

/// Gives each parcel its place, around those that are on their way already.
pub(super) fn place(sender: &SenderNow, open: Vec<Open>, now: Timestamp) -> Placed {
    let (mut waiting, mut on_the_way): (Vec<Open>, Vec<Open>) =
        open.into_iter().partition(|open| open.parcel.waits());
    waiting.sort_by_key(|open| (!open.direct, open.parcel.due_at, open.parcel.chunk));
    if sender.settings.status == ChannelStatus::Paused {
        return place_paused(sender, waiting, &on_the_way, now);
    }
    on_the_way.sort_by_key(|open| open.parcel.due_at);
    let mut on_the_way = on_the_way.into_iter().peekable();
    let mut outlook = sender.outlook(now);
    let mut places = Vec::with_capacity(waiting.len() + on_the_way.len());
    for open in waiting {
        if open.parcel.has_its_time(now) {
            let due = open.parcel.due_at;
            places.push(Place { open, due, begin: None });
            continue;
        }
        while let Some(before) = on_the_way.next_if(|open| open.parcel.due_at <= outlook.begin()) {
            places.push(go_on(&mut outlook, before, now));
        }
        let begin = outlook.begin();
        let due = pacing::due(begin, now).min(open.expires_at).max(now);
        if begin < open.expires_at {
            outlook.run(open.parcel.left);
        }
        let begin = Some(begin.min(open.expires_at));
        places.push(Place { open, due, begin });
    }
    places.extend(on_the_way.map(|open| go_on(&mut outlook, open, now)));
    Placed { places, end: Some(outlook.run(Load::default())) }
}

/// The place of a parcel that is on its way, and so not taken up before it is due.
fn go_on(outlook: &mut Outlook, open: Open, now: Timestamp) -> Place {
    let due = open.parcel.due_at;
    outlook.idle_until(due);
    let begin = outlook.begin();
    outlook.run(open.parcel.left);
    let waits_for_others = !open.direct && !open.parcel.has_its_time(now);
    Place { open, due, begin: waits_for_others.then_some(begin) }
}

/// Of all that wait for a sender that was refused, one tries it again, unless something is on its way there. The others wait until that changes,
/// or until they expire.
fn place_paused(sender: &SenderNow, waiting: Vec<Open>, on_the_way: &[Open], now: Timestamp) -> Placed {
    let probe_at = sender.settings.status_at.filter(|_| !sender.settings.held).map(|at| at + PROBE_AFTER);
    let mut probe_at = probe_at.filter(|_| on_the_way.is_empty());
    let places = waiting.into_iter().map(|open| {
        let due = if open.parcel.has_its_time(now) {
            open.parcel.due_at
        } else {
            probe_at.take().map_or(open.expires_at, |at| at.min(open.expires_at)).max(now)
        };
        Place { open, due, begin: None }
    });
    Placed { places: places.collect(), end: None }
}
