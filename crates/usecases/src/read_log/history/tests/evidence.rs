//! What is told of the way of a message to its provider and back.

use std::time::Duration;

use domain::{Channel, Inquiry, SendSource, Unknown};
use store::action::Selected;
use store::row::{Call, Calls, Came, Verdict};
use store::targets::RowPlace;

use super::*;
use crate::read_log::samples::action;

fn call(millis: i64, verdict: Verdict) -> Call {
    Call {
        at: at(millis),
        claimed: Some(Duration::from_millis(50)),
        gate2: Some(Duration::from_millis(10)),
        took: Duration::from_millis(100),
        verdict,
        status: None,
        code: None,
    }
}

fn calls(all: &[Call]) -> Calls {
    all.iter().fold(Calls::default(), |calls, call| calls.and(call.clone()))
}

fn told(row: Row, evidence: &Evidence) -> Vec<(MessageStatus, i64, String)> {
    let status = row.status;
    let history = history(&Shown { status, ..Shown::of(row) }, evidence).into_iter();
    history.map(|entry| (entry.status, entry.at.millis(), entry.detail.unwrap_or_default())).collect()
}

fn of_action(action: Action) -> Evidence {
    Evidence { action: Some(Action { created_at: at(1_000), ..action }), parcel: None }
}

#[test]
fn a_call_is_told_with_its_claim_its_gate_and_its_answer() {
    use MessageStatus::{Queued, Sending, Sent};
    let row = Row {
        status: Sent,
        calls: calls(&[call(2_000, Verdict::Accepted)]),
        tried_at: Some(at(2_000)),
        sent_at: Some(at(2_100)),
        provider_message_id: Some("SM1".into()),
        segments: Some(1),
        ..base()
    };
    let expected = [
        (Queued, 1_500, "Written to be sent: reachable, and not opted out of SMS (gate 1)"),
        (Queued, 1_950, "Claimed by dispatch-sms"),
        (Queued, 1_990, "Opt-outs were looked up again (gate 2): none of theirs since gate 1"),
        (Sending, 2_000, "Request 1 to the SMS provider, to +15•••••••06"),
        (Sent, 2_100, "The SMS provider accepted it as SM1, 1 segment"),
    ];
    assert_eq!(
        told(row, &Evidence::default()),
        expected.map(|(status, at, what)| (status, at, what.to_owned()))
    );
}

#[test]
fn every_request_has_its_answer_in_the_providers_terms() {
    let throttled = Call { status: Some(429), code: Some("20429".into()), ..call(2_000, Verdict::Later) };
    let broken = Call { status: Some(503), ..call(5_000, Verdict::Unknown) };
    let row = Row {
        status: MessageStatus::Sending,
        unknown: Some(Unknown::NoAnswer),
        calls: calls(&[throttled, call(3_500, Verdict::TooLate), broken]),
        tried_at: Some(at(5_000)),
        attempts: 1,
        ..base()
    };
    let all: Vec<String> = told(row, &Evidence::default()).into_iter().map(|(.., what)| what).collect();
    let requests: Vec<&String> = all.iter().filter(|what| what.starts_with("Request")).collect();
    assert_eq!(requests.len(), 2, "what was not sent is no request: {all:?}");
    assert!(all.contains(&"Refused for now (HTTP 429, the provider's code 20429)".to_owned()), "{all:?}");
    assert!(all.iter().any(|what| what.starts_with("Not sent yet")), "{all:?}");
    assert!(all.last().unwrap().contains("proves nothing (HTTP 503); it may have the message"), "{all:?}");
}

#[test]
fn calls_that_are_not_kept_are_not_told_and_are_said_to_be_missing() {
    let all: Vec<Call> = (0..9).map(|n| call(2_000 + n * 1_000, Verdict::Later)).collect();
    let row = Row { calls: calls(&all), tried_at: Some(at(10_000)), attempts: 0, ..base() };
    let story = told(row, &Evidence::default());
    let first = story.iter().find(|(.., what)| what.starts_with("Request")).unwrap();
    assert!(
        first.2.starts_with("Request 4 ") && first.2.ends_with("; 3 earlier ones are not kept"),
        "{first:?}"
    );
}

#[test]
fn a_dispatcher_that_stopped_leaves_a_call_of_which_no_answer_is_known() {
    let row = Row {
        status: MessageStatus::Sending,
        unknown: Some(Unknown::Stopped),
        calls: calls(&[Call {
            claimed: None,
            gate2: None,
            took: Duration::from_mins(1),
            ..call(2_000, Verdict::Stopped)
        }]),
        tried_at: Some(at(2_000)),
        ..base()
    };
    let parcel = Parcel {
        repaired_at: Some(at(61_000)),
        repairs: 1,
        ..Parcel::fresh(0, Channel::Sms, at(1_500), at(1_500))
    };
    let story = told(row, &Evidence { action: None, parcel: Some(parcel) });
    let times: Vec<i64> = story.iter().map(|(_, at, _)| *at).collect();
    assert_eq!(times, [1_500, 2_000, 61_000, 62_000], "{story:?}");
    assert!(story[1].2.starts_with("In a group that a dispatcher had claimed"), "{story:?}");
    assert!(story[2].2.starts_with("Reconcile put it on its way again: "), "{story:?}");
}

#[test]
fn a_repair_after_its_call_is_none_of_its_own() {
    let row = Row {
        status: MessageStatus::Sent,
        calls: calls(&[call(2_000, Verdict::Accepted)]),
        sent_at: Some(at(2_100)),
        ..base()
    };
    let parcel =
        Parcel { repaired_at: Some(at(61_000)), ..Parcel::fresh(0, Channel::Sms, at(1_500), at(1_500)) };
    let story = told(row, &Evidence { action: None, parcel: Some(parcel) });
    assert!(
        !story.iter().any(|(.., what)| what.contains("Reconcile")),
        "it was for others of the parcel: {story:?}"
    );
}

#[test]
fn how_a_recipient_was_selected_comes_first() {
    let first = |action: Action, row: Row| told(row, &of_action(action))[0].clone();
    let listed =
        Action { selected: Some(Selected::Listed), targets: 25, created_by: "ana".into(), ..action() };
    let expected = (MessageStatus::Queued, 1_000, "Selected by ana, as one of 25 named".to_owned());
    assert_eq!(first(listed.clone(), base()), expected);

    let matching = Selected::Matching { unit_id: Some("choir".into()), searched: true };
    let everybody = Selected::Matching { unit_id: None, searched: false };
    for (selected, expected) in [
        (matching, "as one of 25: everybody who matched unit choir and a search text"),
        (everybody, "as one of 25: everybody"),
    ] {
        let told = first(Action { selected: Some(selected), ..listed.clone() }, base()).2;
        assert!(told.ends_with(expected), "{told}");
    }
    let retry = Action { selected: Some(Selected::Again), retry_of: Some(action().id), ..listed.clone() };
    let told_of_retry = first(retry, Row { again: Some(RowPlace { chunk: 3, slot: 17 }), ..base() }).2;
    assert!(
        told_of_retry.ends_with(&format!("in a retry: instead of msg_{}-3-17", action().id.ulid())),
        "{told_of_retry}"
    );

    let single = Action { source: SendSource::Single, ..listed };
    let typed = first(single.clone(), Row { origin: Origin::Single, ..base() }).2;
    assert_eq!(typed, "Asked for by ana, as a message of its own to this one recipient");
    let conversation = "conv_sms_00000000000000000000000000000000".parse().ok();
    let reply = first(single, Row { origin: Origin::Single, conversation, ..base() }).2;
    assert_eq!(reply, "Asked for by ana, as a message of its own in a conversation");
}

#[test]
fn a_row_that_was_written_again_says_so() {
    let evidence = of_action(Action { repaired_at: Some(at(1_300)), ..action() });
    let story = told(base(), &evidence);
    assert_eq!(story.iter().map(|(_, at, _)| *at).collect::<Vec<_>>(), [1_000, 1_300, 1_500]);
    let later = of_action(Action { repaired_at: Some(at(9_000)), ..action() });
    assert_eq!(told(base(), &later).len(), 2, "another block was");
}

#[test]
fn a_report_tells_when_it_happened_and_when_it_came_and_what_it_corrects() {
    let row = Row {
        status: MessageStatus::Delivered,
        channel: Channel::WhatsApp,
        calls: calls(&[call(2_000, Verdict::Accepted)]),
        tried_at: Some(at(2_000)),
        sent_at: Some(at(2_100)),
        unconfirmed_at: Some(at(62_000)),
        delivered_at: Some(at(3_000)),
        came: Came { delivered_at: Some(at(70_000)), ..Came::default() },
        ..base()
    };
    let story = told(row, &Evidence::default());
    let (_, when, what) = story.iter().find(|(status, ..)| *status == MessageStatus::Delivered).unwrap();
    assert_eq!(
        (*when, what.as_str()),
        (
            70_000,
            "Reported by the WhatsApp provider; it happened at 1970-01-01T00:00:03.000Z; the report came at 1970-01-01T00:01:10.000Z; it corrects that it was unconfirmed"
        )
    );
}

#[test]
fn what_the_provider_said_when_it_was_asked_is_told_as_that() {
    let found = Row {
        status: MessageStatus::Delivered,
        unknown: Some(Unknown::NoAnswer),
        calls: calls(&[call(2_000, Verdict::Unknown)]),
        tried_at: Some(at(2_000)),
        sent_at: Some(at(2_000)),
        delivered_at: Some(at(90_000)),
        inquiry: Some(Inquiry::Found),
        asked_at: Some(at(90_000)),
        ..base()
    };
    let story = told(found, &Evidence::default());
    let of = |status| story.iter().find(|(of, ..)| *of == status).unwrap().2.clone();
    assert!(
        of(MessageStatus::Sent)
            .contains("has had it since 1970-01-01T00:00:02.000Z: it said so when it was asked"),
        "{story:?}"
    );
    assert!(
        of(MessageStatus::Delivered).contains("said so when it was asked, as no report had come"),
        "{story:?}"
    );
}

#[test]
fn a_report_that_waited_until_its_message_was_unconfirmed_comes_last() {
    let row = Row {
        status: MessageStatus::Delivered,
        channel: Channel::Email,
        calls: calls(&[call(2_000, Verdict::Accepted)]),
        tried_at: Some(at(2_000)),
        sent_at: Some(at(2_100)),
        delivered_at: Some(at(3_000)),
        came: Came { delivered_at: Some(at(4_000)), ..Came::default() },
        unconfirmed_at: Some(at(62_000)),
        ..base()
    };
    let story = told(row, &Evidence::default());
    let (status, when, what) = story.last().unwrap();
    assert_eq!((*status, *when), (MessageStatus::Delivered, 62_000), "{story:?}");
    assert!(what.ends_with("it corrects that it was unconfirmed"), "{what}");
}

#[test]
fn what_asking_brought_stands_where_it_was_asked() {
    let row = Row {
        status: MessageStatus::Unconfirmed,
        unknown: Some(Unknown::NoAnswer),
        calls: calls(&[call(2_000, Verdict::Unknown)]),
        tried_at: Some(at(2_000)),
        sent_at: Some(at(2_000)),
        unconfirmed_at: Some(at(90_000)),
        inquiry: Some(Inquiry::OnItsWay),
        asked_at: Some(at(90_000)),
        ..base()
    };
    let statuses: Vec<MessageStatus> = told(row, &Evidence::default()).iter().map(|(of, ..)| *of).collect();
    assert!(statuses.ends_with(&[MessageStatus::Sending, MessageStatus::Sent, MessageStatus::Unconfirmed]));
}

#[test]
fn a_message_whose_dispatcher_noted_nothing_says_so_and_not_that_it_went_out_again() {
    let row = Row {
        status: MessageStatus::Delivered,
        sent_at: Some(at(2_000)),
        delivered_at: Some(at(3_000)),
        ..base()
    };
    let parcel = Parcel {
        repaired_at: Some(at(61_000)),
        repairs: 1,
        ..Parcel::fresh(0, Channel::Sms, at(1_500), at(1_500))
    };
    let story = told(row, &Evidence { action: None, parcel: Some(parcel) });
    assert!(story[1].2.contains("stopped before it could note"), "{story:?}");
    assert!(!story.iter().any(|(.., what)| what.contains("Reconcile")), "{story:?}");
    assert_eq!(story.last().unwrap().0, MessageStatus::Delivered);
}

proptest::proptest! {
    #[test]
    fn times_climb_and_nothing_is_placed_before_it_was_asked_for(
        times in proptest::collection::vec(proptest::option::of(0_i64..5_000), 7),
        made in proptest::collection::vec(0_i64..5_000, 0..4),
    ) {
        let time = |index: usize| times[index].map(at);
        let mut made = made;
        made.sort_unstable();
        let all: Vec<Call> = made.iter().map(|millis| call(*millis, Verdict::Later)).collect();
        let row = Row {
            calls: calls(&all),
            tried_at: time(0),
            sent_at: time(1),
            unconfirmed_at: time(2),
            ended_at: time(3),
            delivered_at: time(4),
            read_at: time(5),
            replied_at: time(6),
            ..base()
        };
        let story = told(row, &of_action(action()));
        proptest::prop_assert!(story.is_sorted_by_key(|(_, at, _)| *at));
        proptest::prop_assert!(story.is_sorted_by_key(|(status, ..)| *status));
        proptest::prop_assert!(story[0].2.starts_with("Selected by") || times.iter().flatten().any(|at| *at < 1_500));
        let place = |status| story.iter().position(|(of, ..)| *of == status);
        if let (Some(delivered), Some(read)) = (place(MessageStatus::Delivered), place(MessageStatus::Read)) {
            proptest::prop_assert!(delivered < read);
        }
    }
}
