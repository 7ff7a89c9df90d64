use proptest::prelude::*;

use super::*;

const SOURCES: [Source; 6] =
    [Source::Api, Source::Keyword, Source::Link, Source::Provider, Source::Bounce, Source::Complaint];

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn out(source: Source, secs: i64) -> Change {
    Change::Out { source, at: at(secs) }
}

fn lift(by: Lifter, secs: i64) -> Change {
    Change::In { by, at: at(secs) }
}

fn after(changes: &[Change]) -> State {
    changes.iter().fold(State::default(), |mut state, change| {
        state.apply(*change);
        state
    })
}

fn any_change() -> impl Strategy<Value = Change> {
    // Few different times, so that equal ones are common.
    prop_oneof![
        (proptest::sample::select(&SOURCES[..]), 0..5_i64).prop_map(|(source, secs)| out(source, secs)),
        (proptest::sample::select(&[Lifter::Api, Lifter::Keyword, Lifter::Provider][..]), 0..5_i64)
            .prop_map(|(by, secs)| lift(by, secs)),
    ]
}

fn shuffled() -> impl Strategy<Value = (Vec<Change>, Vec<Change>)> {
    proptest::collection::vec(any_change(), 0..8)
        .prop_flat_map(|changes| (Just(changes.clone()), Just(changes).prop_shuffle()))
}

proptest! {
    #[test]
    fn the_order_in_which_changes_arrive_does_not_matter((changes, other_order) in shuffled()) {
        prop_assert_eq!(after(&changes), after(&other_order));
    }

    #[test]
    fn a_change_that_arrives_twice_counts_once(changes in proptest::collection::vec(any_change(), 0..6), change in any_change()) {
        let mut twice = changes.clone();
        twice.extend([change, change]);
        let mut once = changes;
        once.push(change);
        prop_assert_eq!(after(&once), after(&twice));
    }

    #[test]
    fn whatever_else_arrives_a_complaint_and_a_bounce_stay(
        changes in proptest::collection::vec(any_change(), 0..8),
        source in proptest::sample::select(&[Source::Bounce, Source::Complaint][..]),
    ) {
        let mut state = after(&[out(source, 0)]);
        for change in changes {
            state.apply(change);
        }
        prop_assert!(state.is_out());
    }

    #[test]
    fn without_complaint_and_bounce_the_latest_time_decides_and_at_the_same_time_the_opt_out(
        changes in proptest::collection::vec(any_change(), 1..8),
    ) {
        let soft = |change: &Change| !matches!(change, Change::Out { source, .. } if source.is_lasting());
        let soft: Vec<Change> = changes.into_iter().filter(soft).collect();
        let latest = soft.iter().map(|change| change.at()).max();
        let expected = soft.iter().any(|change| Some(change.at()) == latest && change.is_out());
        prop_assert_eq!(after(&soft).is_out(), expected);
    }

    #[test]
    fn a_state_survives_its_json(changes in proptest::collection::vec(any_change(), 0..8)) {
        let state = after(&changes);
        let json = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
    }
}

#[test]
fn start_and_the_api_lift_what_stop_the_api_a_link_or_the_provider_set() {
    for source in SOURCES {
        for by in [Lifter::Api, Lifter::Keyword, Lifter::Provider] {
            assert_eq!(
                after(&[out(source, 1), lift(by, 2)]).is_out(),
                source.is_lasting(),
                "{source:?} {by:?}"
            );
        }
    }
}

#[test]
fn an_older_stop_that_comes_late_does_not_overwrite_a_newer_start() {
    assert!(!after(&[lift(Lifter::Keyword, 2), out(Source::Keyword, 1)]).is_out());
    assert!(after(&[lift(Lifter::Keyword, 2), out(Source::Keyword, 2)]).is_out());
}

#[test]
fn of_two_opt_outs_the_newer_is_shown_and_the_lasting_one_is_left_when_it_is_lifted() {
    let mut state = after(&[out(Source::Link, 5), out(Source::Complaint, 3)]);
    assert_eq!(state.opt_out(), Some(OptOut { at: at(5), source: Source::Link }));
    state.apply(lift(Lifter::Api, 6));
    assert_eq!(state.opt_out(), Some(OptOut { at: at(3), source: Source::Complaint }));
}

#[test]
fn channels_are_independent() {
    let mut opt_outs = OptOuts::default();
    opt_outs.apply(Channel::Sms, out(Source::Keyword, 1));
    opt_outs.apply(Channel::WhatsApp, lift(Lifter::Keyword, 1));
    assert_eq!(opt_outs.channels(), BTreeSet::from([Channel::Sms]));
}

#[test]
fn a_hash_of_an_address_has_one_spelling() {
    let hash = AddressHash::new([0x0a; AddressHash::BYTES]);
    assert_eq!(hash.as_str(), "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");
    assert_eq!(hash.as_str().parse(), Ok(hash.clone()));
    assert_eq!(hash.to_bytes(), [0x0a; AddressHash::BYTES]);
    for bad in ["", "0A0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", "+a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", "0a"] {
        assert_eq!(bad.parse::<AddressHash>(), Err(InvalidAddressHash), "{bad}");
    }
}
