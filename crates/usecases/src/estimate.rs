//! How long a send takes, by what its senders have to do before it and by the pace that they have now.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::content::{Body, Content};
use domain::pace::Load;
use domain::settings::ChannelStatus;
use domain::{BulkActionStatus, Channel, Routing, Timestamp, segments};
use store::action::{Action, BLOCK_TARGETS};
use store::pace::SenderNow;
use store::parcel::Parcel;

/// When the last message will have left, and over how many days it is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) completion: Timestamp,
    pub(crate) spans_days: u32,
}

impl Estimate {
    /// Of a send that was to leave at `leaves_at`.
    fn new(leaves_at: Timestamp, completion: Timestamp) -> Self {
        let days = completion.since(leaves_at).as_millis().div_ceil(DAY.as_millis());
        Self { completion, spans_days: u32::try_from(days).unwrap_or(u32::MAX).max(1) }
    }
}

const DAY: Duration = Duration::from_hours(24);

/// The estimate of a send that is to leave at `leaves_at`, behind all that its senders have to do. Channels go side by side.
pub(crate) fn estimate(
    loads: impl IntoIterator<Item = (Channel, Load)>,
    senders: &[SenderNow],
    leaves_at: Timestamp,
    now: Timestamp,
) -> Estimate {
    let ends = loads.into_iter().filter_map(|(channel, load)| {
        let sender = sender_of(senders, channel).filter(|_| load.messages > 0)?;
        let mut outlook = sender.outlook(now);
        outlook.run_planned(sender.planned);
        outlook.idle_until(leaves_at);
        Some(outlook.run(load))
    });
    Estimate::new(leaves_at, ends.max().unwrap_or(leaves_at).max(leaves_at))
}

/// What is expected before anybody was looked at: everyone is reached, on the first channel where one is chosen, by texts as long as typed.
pub(crate) fn expected(routing: Routing, messages: &[Content], targets: u64) -> Vec<(Channel, Load)> {
    let used = match routing {
        Routing::All => messages,
        Routing::FirstReachable => messages.get(..1).unwrap_or_default(),
    };
    let load = |message: &Content| {
        let units = match &message.body {
            Body::Sms { text } => u64::from(segments::count(text).segments),
            Body::WhatsAppText { .. } | Body::WhatsAppTemplate { .. } | Body::Email { .. } => 1,
        };
        (message.body.channel(), Load { messages: targets, units: targets * units })
    };
    used.iter().map(load).collect()
}

/// Whether something of the action may still have to be sent, so that its estimate is worth making anew.
pub(crate) fn is_open(action: &Action) -> bool {
    !action.status.is_settled() && !action.sent_out && action.pending() > 0
}

/// When what is left of an action will have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing is left.
    Nothing,
    /// Something waits for a sender that is paused: nobody knows.
    Paused,
    /// Then.
    Expected(Estimate),
}

/// The estimate of what is left of an action, made anew. `parcels` are those of its rows that are written.
pub(crate) fn of_rest(
    action: &Action,
    messages: &[Content],
    senders: &[SenderNow],
    parcels: &[Parcel],
    now: Timestamp,
) -> Rest {
    let leaves_at = action.schedule_at.map_or(action.created_at, |at| at.max(action.created_at));
    if action.status == BulkActionStatus::Queued {
        let loads = expected(action.routing, messages, u64::from(action.targets));
        if is_paused(senders, loads.iter().map(|(channel, _)| *channel)) {
            return Rest::Paused;
        }
        let estimate = estimate(loads, senders, leaves_at.max(now), now);
        return Rest::Expected(Estimate::new(leaves_at, estimate.completion));
    }
    let written = u64::try_from(action.blocks_done.len() * BLOCK_TARGETS).unwrap_or(u64::MAX);
    let unwritten = expected(action.routing, messages, u64::from(action.targets).saturating_sub(written));
    let unwritten: Vec<(Channel, Load)> =
        unwritten.into_iter().filter(|(_, load)| load.messages > 0).collect();
    let mut open: BTreeMap<Channel, Vec<&Parcel>> = BTreeMap::new();
    for parcel in parcels.iter().filter(|parcel| !parcel.done) {
        open.entry(parcel.channel).or_default().push(parcel);
    }
    if is_paused(senders, open.keys().copied().chain(unwritten.iter().map(|(channel, _)| *channel))) {
        return Rest::Paused;
    }
    let not_written = unwritten
        .into_iter()
        .map(|(channel, load)| estimate([(channel, load)], senders, now, now).completion);
    let written = open
        .into_iter()
        .filter_map(|(channel, open)| Some(rest_of(sender_of(senders, channel)?, &open, now)));
    let completion = not_written.chain(written).max();
    completion.map_or(Rest::Nothing, |completion| Rest::Expected(Estimate::new(leaves_at, completion)))
}

fn is_paused(senders: &[SenderNow], mut channels: impl Iterator<Item = Channel>) -> bool {
    channels.any(|channel| {
        sender_of(senders, channel).is_some_and(|sender| sender.settings.status == ChannelStatus::Paused)
    })
}

/// When the last of an action's parcels on one channel will be done: in its place in the plan, and not before their own work is.
fn rest_of(sender: &SenderNow, open: &[&Parcel], now: Timestamp) -> Timestamp {
    let mut all = Load::default();
    for parcel in open {
        all += parcel.left;
    }
    let own = sender.outlook(now).run(all);
    let (at_their_time, in_turn): (Vec<&Parcel>, Vec<&Parcel>) =
        open.iter().filter(|parcel| parcel.claim.is_none()).partition(|parcel| parcel.has_its_time(now));
    let (waiting, on_the_way): (Vec<&Parcel>, Vec<&Parcel>) =
        in_turn.into_iter().partition(|parcel| parcel.waits());
    let mut planned = sender.outlook(now);
    planned.run_planned(sender.planned);
    // When those that wait come is kept right to a minute by reconcile, and the end of the plan to seconds.
    let in_turn = in_place(sender, waiting, now)
        .max(in_place(sender, on_the_way, now))
        .map(|last| last.min(planned.run(Load::default())));
    let last = in_turn.max(at_their_times(sender, at_their_time, now));
    last.map_or(own, |last| own.max(last))
}

/// When the last of those that take turns will be done.
fn in_place(sender: &SenderNow, parcels: Vec<&Parcel>, now: Timestamp) -> Option<Timestamp> {
    let last = parcels.into_iter().max_by_key(|parcel| parcel.due_at)?;
    let mut outlook = sender.outlook(now);
    outlook.run_planned(Some(last.turn_at()));
    Some(outlook.run(last.left))
}

/// When the last of those that wait for times of their own will be done.
fn at_their_times(sender: &SenderNow, mut parcels: Vec<&Parcel>, now: Timestamp) -> Option<Timestamp> {
    parcels.sort_by_key(|parcel| parcel.due_at);
    let mut outlook = sender.outlook(now);
    let ends = parcels.into_iter().map(|parcel| {
        outlook.idle_until(parcel.due_at);
        outlook.run(parcel.left)
    });
    ends.last()
}

fn sender_of(senders: &[SenderNow], channel: Channel) -> Option<&SenderNow> {
    senders.iter().find(|sender| sender.settings.channel == channel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::pace::{Day, Meter, Terms};
    use domain::settings::{ChannelSettings, Rate};

    fn sms(per_second: u16, per_day: Option<u32>) -> SenderNow {
        let settings = ChannelSettings::new(Channel::Sms, "+15005550006".into());
        let settings = ChannelSettings { rate_per_second: Rate::per_second(per_second), per_day, ..settings };
        SenderNow { settings, meter: None, planned: None }
    }

    fn start() -> Timestamp {
        Timestamp::from_secs(900_000)
    }

    fn after(load: Load, sender: SenderNow) -> (Duration, u32) {
        let estimate = estimate([(Channel::Sms, load)], &[sender], start(), start());
        (estimate.completion.since(start()), estimate.spans_days)
    }

    #[test]
    fn segments_count_against_the_rate() {
        let load = Load { messages: 100, units: 250 };
        assert_eq!(after(load, sms(10, None)), (Duration::from_millis(25_625), 1));
    }

    #[test]
    fn what_a_day_does_not_take_leaves_on_the_next() {
        let load = |messages| Load { messages, units: messages };
        let (time, days) = after(load(2_500), sms(10, Some(1_000)));
        assert!(time > 2 * DAY && time < 2 * DAY + Duration::from_hours(1), "{time:?}");
        assert_eq!(days, 3);
        assert_eq!(after(load(1_000), sms(10, Some(1_000))).1, 1);
    }

    #[test]
    fn what_is_planned_before_counts() {
        let load = Load { messages: 10, units: 10 };
        let planned = Some(start() + Duration::from_mins(5));
        let (time, _) = after(load, SenderNow { planned, ..sms(10, None) });
        assert_eq!(time, Duration::from_mins(5) + Duration::from_millis(1_025));
    }

    #[test]
    fn nothing_to_send_takes_no_time() {
        assert_eq!(after(Load::default(), sms(1, Some(1))), (Duration::ZERO, 1));
    }

    /// A parcel of a hundred messages that waits.
    fn waiting(due_s: u64) -> Parcel {
        let left = Load { messages: 100, units: 100 };
        let due_at = start() + Duration::from_secs(due_s);
        Parcel { due_at, left, ..Parcel::fresh(0, Channel::Sms, start(), start()) }
    }

    fn rest_after(sender: &SenderNow, parcels: &[Parcel]) -> Duration {
        rest_of(sender, &parcels.iter().collect::<Vec<_>>(), start()).since(start())
    }

    #[test]
    fn what_waits_ends_in_its_place_or_where_it_is_said_to_be_since() {
        let hundred = Duration::from_millis(10_250);
        let planned = Some(start() + Duration::from_hours(1));
        let busy = SenderNow { planned, ..sms(10, None) };
        let mut parcel = waiting(300);
        assert_eq!(rest_after(&busy, &[parcel.clone()]), Duration::from_mins(5) + hundred);
        parcel.expected_at = Some(start() + Duration::from_mins(15));
        assert_eq!(rest_after(&busy, &[waiting(10), parcel.clone()]), Duration::from_mins(15) + hundred);
        let nearly_through = SenderNow { planned: Some(start() + Duration::from_mins(2)), ..busy.clone() };
        assert_eq!(
            rest_after(&nearly_through, &[parcel]),
            Duration::from_mins(2),
            "the plan is sooner known"
        );
        let mut taken_up = waiting(0);
        taken_up.due_at = start();
        assert_eq!(rest_after(&busy, &[taken_up]), hundred);
    }

    #[test]
    fn what_is_refused_for_now_ends_after_its_time_one_behind_the_other() {
        let mut refused = waiting(600);
        refused.not_before = Some(refused.due_at);
        let ends = rest_after(&sms(10, None), &[refused.clone(), refused]);
        assert_eq!(ends, Duration::from_mins(10) + Duration::from_millis(20_500));
    }

    #[test]
    fn what_begins_with_the_next_days_room_does_not_wait_for_all_behind_it() {
        let quarter = Day::quarter_of(start());
        let terms = Terms { rate: Rate::per_second(10), per_day: Some(1_000) };
        let day = Day { quarter, used: 1_000, ..Default::default() };
        let meter = Some(Meter { day, ..Meter::new(terms, start()) });
        let planned = Some(start() + Duration::from_hours(140));
        let sender = SenderNow { meter, planned, ..sms(10, Some(1_000)) };
        let room_at = Day::leaves_at(quarter).since(start()).as_secs();
        let ends = rest_after(&sender, &[waiting(room_at - 2)]);
        assert!(ends < Duration::from_secs(room_at + 20), "{ends:?}");
    }
}
