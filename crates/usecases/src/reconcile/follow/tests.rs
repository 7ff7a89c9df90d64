use domain::BulkActionId;
use domain::pace::{Day, Load, Meter, Slowed, Terms};
use domain::settings::{ChannelSettings, ChannelStatus, Rate};
use store::pace::SenderNow;
use store::parcel::Claim;
use ulid::Ulid;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_secs(900_000)
}

fn secs(secs: u64) -> Timestamp {
    now() + Duration::from_secs(secs)
}

/// Ten messages a second.
fn sender(per_day: Option<u32>) -> SenderNow {
    let settings = ChannelSettings::new(Channel::Sms, "+15005550006".into());
    let settings = ChannelSettings { rate_per_second: Rate::per_second(10), per_day, ..settings };
    SenderNow { settings, meter: None, planned: None }
}

/// A parcel of a hundred messages that was planned for so many seconds ahead.
fn waiting(chunk: u32, planned_s: u64) -> Open {
    let left = Load { messages: 100, units: 100 };
    let parcel = Parcel { due_at: secs(planned_s), left, ..Parcel::fresh(chunk, Channel::Sms, now(), now()) };
    let action = Action::accepted(
        "o".parse().unwrap(),
        BulkActionId::new(Ulid::from_parts(1, u128::from(chunk))),
        "u",
        now(),
    );
    Open {
        job: jobs::dispatch(&action, &parcel),
        parcel,
        expires_at: action.expires_at,
        direct: false,
        grows: false,
    }
}

fn on_the_way(chunk: u32, due_s: u64) -> Open {
    let mut open = waiting(chunk, due_s);
    open.parcel.driven_at = open.parcel.due_at;
    open
}

/// After how many seconds which chunk is due.
fn turns(sender: &SenderNow, open: Vec<Open>) -> Vec<(u32, u64)> {
    let placed = place(sender, open, now());
    let waiting = placed.places.iter().filter(|place| place.open.parcel.waits());
    waiting.map(|place| (place.open.parcel.chunk, place.due.since(now()).as_secs())).collect()
}

#[test]
fn what_was_planned_for_later_is_brought_forward_in_its_order() {
    let open = vec![waiting(1, 500), waiting(0, 300), waiting(2, 900)];
    assert_eq!(turns(&sender(None), open), [(0, 0), (1, 8), (2, 18)]);
}

#[test]
fn what_is_on_its_way_goes_before_and_holes_around_it_are_filled() {
    let open = vec![on_the_way(8, 0), on_the_way(9, 60), waiting(0, 300), waiting(1, 310)];
    assert_eq!(turns(&sender(None), open), [(0, 8), (1, 18)]);
    let later = (0..8).map(|chunk| waiting(chunk, 300 + u64::from(chunk)));
    let last = turns(&sender(None), later.chain([on_the_way(9, 60)]).collect())[7];
    assert_eq!(last, (7, 80), "ten seconds later for what is due after a minute");
}

#[test]
fn what_has_a_time_of_its_own_keeps_it() {
    let mut refused = waiting(0, 300);
    refused.parcel.not_before = Some(secs(300));
    assert_eq!(turns(&sender(None), vec![refused.clone(), waiting(1, 400)]), [(0, 300), (1, 0)]);
    refused.parcel.not_before = Some(now());
    assert_eq!(turns(&sender(None), vec![refused]), [(0, 0)], "its time has come");
}

#[test]
fn a_day_that_is_used_up_and_patience_put_it_off() {
    let quarter = Day::quarter_of(now());
    let terms = Terms { rate: Rate::per_second(10), per_day: Some(150) };
    let day = Day { quarter, used: 60, ..Day::default() };
    let meter = Meter { day, ..Meter::new(terms, now()) };
    let full = SenderNow { meter: Some(meter), ..sender(Some(150)) };
    let due = turns(&full, vec![waiting(0, 10), waiting(1, 20)]);
    assert_eq!(due[0], (0, 0));
    assert!(due[1].1 > 23 * 3_600, "{due:?}");

    let slowed = Slowed { at: now(), until: secs(90), level: 1 };
    let meter = Meter { slowed: Some(slowed), ..Meter::new(Terms { per_day: None, ..terms }, now()) };
    let slow = SenderNow { meter: Some(meter), ..sender(None) };
    assert_eq!(turns(&slow, vec![waiting(0, 10), waiting(1, 20)]), [(0, 88), (1, 108)]);
}

#[test]
fn one_parcel_tries_a_refused_sender_again_and_none_one_that_is_held() {
    let day = 24 * 3_600;
    let mut paused = sender(None);
    paused.settings.status = ChannelStatus::Paused;
    paused.settings.status_at = Some(now());
    let open = || vec![waiting(0, 10), waiting(1, 20)];
    assert_eq!(turns(&paused, open()), [(0, 60), (1, day)]);
    let busy = open().into_iter().chain([on_the_way(2, 0)]).collect();
    assert_eq!(turns(&paused, busy), [(0, day), (1, day)], "one is on its way");
    paused.settings.held = true;
    assert_eq!(turns(&paused, open()), [(0, day), (1, day)]);
}

#[test]
fn what_expires_before_its_turn_is_due_when_it_expires() {
    let mut soon = waiting(1, 20);
    soon.expires_at = secs(5);
    assert_eq!(turns(&sender(None), vec![waiting(0, 10), soon, waiting(2, 30)]), [(0, 0), (1, 5), (2, 8)]);
}

/// After how many seconds the last parcel of which action is expected, where it is said anew.
fn said_anew(sender: &SenderNow, open: Vec<Open>) -> Vec<(u32, u64)> {
    let places = place(sender, open, now()).places;
    moved(places, now()).map(|(_, parcel, begin)| (parcel.chunk, begin.since(now()).as_secs())).collect()
}

#[test]
fn a_parcel_that_moved_far_says_so_once() {
    let late = |chunk, planned_s| {
        let mut open = waiting(chunk, planned_s);
        open.parcel.left = Load { messages: 1_200, units: 1_200 };
        open
    };
    // Each is an action of its own and takes 123 seconds.
    let open = vec![late(0, 0), late(1, 60), late(2, 230)];
    assert_eq!(said_anew(&sender(None), open.clone()), [(1, 123)], "the third is 16 seconds off");
    let mut told = open;
    told[1].parcel.expected_at = Some(secs(123));
    assert_eq!(said_anew(&sender(None), told.clone()), []);
    told[1].parcel.expected_at = Some(secs(300));
    assert_eq!(said_anew(&sender(None), told), [(1, 123)], "it comes earlier again");
}

#[test]
fn of_what_is_on_its_way_only_what_waits_for_others_says_when_it_is_expected() {
    let mut busy = on_the_way(0, 0);
    busy.parcel.left = Load { messages: 1_200, units: 1_200 };
    let open = |change: fn(&mut Open)| {
        let mut behind = on_the_way(1, 1);
        change(&mut behind);
        vec![busy.clone(), behind]
    };
    assert_eq!(said_anew(&sender(None), open(|_| ())), [(1, 123)]);
    assert_eq!(said_anew(&sender(None), open(|open| open.direct = true)), []);
    assert_eq!(said_anew(&sender(None), open(|open| open.parcel.not_before = Some(secs(1)))), []);
    let claimed = |open: &mut Open| {
        open.parcel.claim = Some(Claim { holder: "h".into(), until: secs(60) });
    };
    assert_eq!(said_anew(&sender(None), open(claimed)), [], "somebody is at it");
    let mut overdue = on_the_way(0, 0);
    overdue.parcel.due_at = Timestamp::from_secs(899_000);
    overdue.parcel.driven_at = overdue.parcel.due_at;
    assert_eq!(said_anew(&sender(None), vec![overdue]), [], "now is when it has been due");
}

#[test]
fn what_is_on_its_way_is_not_taken_up_before_it_is_due() {
    let placed = place(&sender(None), vec![on_the_way(0, 100)], now());
    assert_eq!(placed.end, Some(secs(100) + Duration::from_millis(10_250)));
}

#[test]
fn an_action_that_was_looked_at_twice_wants_its_turn_once() {
    let action =
        Action::accepted("o".parse().unwrap(), BulkActionId::new(Ulid::from_parts(1, 1)), "u", now());
    let turns = Turns::default();
    for _ in 0..2 {
        turns.wants(&action, &Parcel::fresh(0, Channel::Sms, now(), now()));
    }
    let all = turns.take();
    assert_eq!(all.values().map(BTreeMap::len).collect::<Vec<_>>(), [1]);
}
