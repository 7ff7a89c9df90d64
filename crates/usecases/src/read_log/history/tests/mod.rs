//! What a message's history tells, and in which order.

mod evidence;

use super::*;
use crate::read_log::samples::row;
use domain::Unknown;
use domain::{FailureCode, Reason, SkipCode};
use store::row::Event;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn of(row: Row) -> Vec<(MessageStatus, i64)> {
    let status = row.status;
    history(&Shown { status, ..Shown::of(row) }, &Evidence::default())
        .iter()
        .map(|entry| (entry.status, entry.at.millis()))
        .collect()
}

fn base() -> Row {
    Row { created_at: Timestamp::from_millis(1_500), ..row() }
}

#[test]
fn a_message_climbs_from_queued_to_read() {
    use MessageStatus::{Delivered, Queued, Read, Sending, Sent};
    let row = Row {
        status: Read,
        tried_at: Some(at(1_600)),
        sent_at: Some(at(1_700)),
        delivered_at: Some(at(2_000)),
        read_at: Some(at(9_000)),
        ..base()
    };
    let expected = [(Queued, 1_500), (Sending, 1_600), (Sent, 1_700), (Delivered, 2_000), (Read, 9_000)];
    assert_eq!(of(row), expected);
}

#[test]
fn a_report_in_whole_seconds_does_not_come_before_what_it_follows() {
    use MessageStatus::{Delivered, Queued, Sending, Sent};
    let row = Row {
        status: Delivered,
        tried_at: Some(at(1_600)),
        sent_at: Some(at(1_700)),
        delivered_at: Some(at(1_000)),
        ..base()
    };
    assert_eq!(of(row), [(Queued, 1_500), (Sending, 1_600), (Sent, 1_700), (Delivered, 1_700)]);
}

#[test]
fn a_row_that_was_final_when_it_was_written_was_never_queued() {
    let skipped = Row {
        status: MessageStatus::Skipped,
        reason: Some(Reason::Skipped(SkipCode::OptedOut)),
        ended_at: Some(at(1_500)),
        ..base()
    };
    let shown = Shown::of(skipped);
    let expected = HistoryView {
        status: MessageStatus::Skipped,
        at: at(1_500),
        detail: Some("Opted out of SMS".into()),
    };
    assert_eq!(history(&shown, &Evidence::default()), [expected]);
}

#[test]
fn a_failure_that_a_delivery_corrected_stays_in_the_history() {
    use MessageStatus::{Delivered, Failed, Queued, Sending, Sent};
    let row = Row {
        status: Delivered,
        tried_at: Some(at(1_600)),
        sent_at: Some(at(1_700)),
        ended_at: Some(at(2_000)),
        delivered_at: Some(at(3_000)),
        ..base()
    };
    let expected = [(Queued, 1_500), (Sending, 1_600), (Sent, 1_700), (Failed, 2_000), (Delivered, 3_000)];
    assert_eq!(of(row.clone()), expected);
    let refused = Row { sent_at: Some(at(9_000)), delivered_at: Some(at(9_000)), ..row.clone() };
    let expected = [(Queued, 1_500), (Sending, 1_600), (Failed, 2_000), (Failed, 9_000), (Delivered, 9_000)];
    assert_eq!(
        of(refused),
        expected,
        "the refusal came first, and that the provider has it takes nothing back"
    );
    let coarse = Row { ended_at: Some(at(1_000)), ..row };
    assert_eq!(of(coarse)[2..4], [(Sent, 1_700), (Failed, 1_700)]);
}

#[test]
fn a_report_after_the_window_follows_the_time_at_which_it_ended() {
    use MessageStatus::{Delivered, Queued, Sending, Unconfirmed};
    let row = Row {
        status: Delivered,
        tried_at: Some(at(1_600)),
        unknown: Some(Unknown::NoAnswer),
        unconfirmed_at: Some(at(5_000)),
        sent_at: Some(at(9_000)),
        delivered_at: Some(at(9_000)),
        ..base()
    };
    let expected =
        [(Queued, 1_500), (Sending, 1_600), (Unconfirmed, 5_000), (Unconfirmed, 9_000), (Delivered, 9_000)];
    assert_eq!(of(row), expected);
}

#[test]
fn a_refusal_for_now_tells_when_it_is_tried_again() {
    let row = Row { attempts: 2, tried_at: Some(at(1_600)), next_attempt_at: Some(at(60_000)), ..base() };
    let history = history(&Shown::of(row), &Evidence::default());
    let detail = history.last().unwrap().detail.as_deref().unwrap();
    assert!(detail.starts_with("Attempt 2. ") && detail.ends_with("1970-01-01T00:01:00.000Z"), "{detail}");
}

#[test]
fn the_mark_places_a_call_whose_outcome_is_not_recorded() {
    let shown = Shown { status: MessageStatus::Sending, called_at: Some(at(1_900)), ..Shown::of(base()) };
    let last = history(&shown, &Evidence::default()).pop().unwrap();
    assert_eq!((last.status, Some(last.at)), (MessageStatus::Sending, Some(at(1_900))));
}

#[test]
fn what_moved_nothing_is_shown_with_the_status_that_stayed() {
    let row = Row {
        status: MessageStatus::Delivered,
        sent_at: Some(at(1_600)),
        delivered_at: Some(at(2_000)),
        events: vec![Event { at: at(3_000), what: "The recipient complained".into() }],
        ..base()
    };
    assert_eq!(of(row).last(), Some(&(MessageStatus::Delivered, 3_000)));
}

#[test]
fn a_failure_names_the_providers_code() {
    let row = Row {
        status: MessageStatus::Failed,
        reason: Some(Reason::Failed(FailureCode::Undeliverable)),
        provider_code: Some("30003".into()),
        tried_at: Some(at(1_600)),
        ended_at: Some(at(1_700)),
        ..base()
    };
    let history = history(&Shown::of(row), &Evidence::default());
    assert_eq!(
        history.last().unwrap().detail.as_deref(),
        Some("The phone cannot be reached (the provider's code: 30003)")
    );
}
#[test]
fn a_covered_message_tells_how_its_cover_fared() {
    let covered = Row {
        status: MessageStatus::Skipped,
        reason: Some(Reason::Skipped(SkipCode::Covered)),
        ended_at: Some(at(1_500)),
        ..base()
    };
    let shown = Shown { cover: Some("Covered, and it was read".into()), ..Shown::of(covered) };
    let expected = HistoryView {
        status: MessageStatus::Skipped,
        at: at(1_500),
        detail: Some("Covered, and it was read".into()),
    };
    assert_eq!(history(&shown, &Evidence::default()), [expected]);
}

#[test]
fn an_answer_and_an_opt_out_are_part_of_the_history() {
    let row = Row {
        status: MessageStatus::Delivered,
        delivered_at: Some(at(2_000)),
        replied_at: Some(at(3_000)),
        opted_out_at: Some(at(4_000)),
        ..base()
    };
    // What follows its delivery.
    let details = |row| -> Vec<String> {
        let history = history(&Shown::of(row), &Evidence::default()).into_iter();
        history.filter(|entry| entry.at > at(2_000)).filter_map(|entry| entry.detail).collect()
    };
    assert_eq!(details(row.clone()), ["Answered", OPTED_OUT]);
    let told = Event { at: at(3_000), what: "Answered by msg_1".into() };
    assert_eq!(details(Row { events: vec![told], opted_out_at: None, ..row }), ["Answered by msg_1"]);
}

#[test]
fn what_a_member_wrote_was_received_and_says_what_it_answers() {
    let of = |inbound, replied_at| {
        let origin = Origin::Inbound(Box::new(inbound));
        let row = Row { status: MessageStatus::Delivered, origin, replied_at, ..base() };
        let entries = history(&Shown::of(row), &Evidence::default()).into_iter();
        entries.map(|entry| (entry.at.millis(), entry.detail.unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(of(Inbound::default(), None), [(1_500, "Received".to_owned())]);
    let id = base().id;
    let quotes =
        Inbound { in_reply_to: Some(id), attribution: Some(Attribution::Quoted), ..Inbound::default() };
    let expected = [(1_500, format!("Received; it quotes {id}")), (9_000, "Answered".to_owned())];
    assert_eq!(of(quotes, Some(at(9_000))), expected);
}
