//! What happened to a message, from what its row keeps.

use std::time::Duration;

use domain::unconfirmed::Unconfirmed;
use domain::{Attribution, MessageStatus, Timestamp, Unknown};
use store::row::{Inbound, Origin, Row};
use wire::api::message::HistoryView;

use super::shown::Shown;

/// By how much a provider's clock may be behind ours: what it reports as a failure may follow what we know, or come before it.
const CLOCKS: Duration = Duration::from_secs(2);

/// The history of a message, oldest first. Providers report times in whole seconds, so what they say happened after the call may lie before it by
/// their clock: nothing is placed before what it follows.
pub(super) fn history(shown: &Shown) -> Vec<HistoryView> {
    let row = &shown.row;
    if let Origin::Inbound(inbound) = &row.origin {
        return of_inbound(shown, inbound);
    }
    let called = shown.called_at.or(row.tried_at).map(|at| at.max(row.created_at));
    let sent = row.sent_at.map(|at| at.max(called.unwrap_or(row.created_at)));
    let handed_over = sent.or(called).unwrap_or(row.created_at);
    let delivered = row.delivered_at.map(|at| at.max(handed_over));
    let mut history = Vec::new();
    let mut add = |status, at: Option<Timestamp>, detail: Option<String>| {
        history.extend(at.map(|at| HistoryView { status, at, detail }));
    };
    if !ended_at_once(row) {
        add(MessageStatus::Queued, Some(row.created_at), None);
    }
    add(MessageStatus::Sending, called, of_call(shown));
    add(MessageStatus::Sent, sent, Some(format!("The {} provider has it", row.channel.label())));
    add(MessageStatus::Unconfirmed, row.unconfirmed_at, Some(of_silence(row)));
    let (status, detail) = of_end(shown);
    let ended = row.ended_at.map(|at| if handed_over.since(at) < CLOCKS { at.max(handed_over) } else { at });
    add(status, ended, Some(detail));
    add(MessageStatus::Delivered, delivered, None);
    add(MessageStatus::Read, row.read_at.map(|at| at.max(delivered.unwrap_or(handed_over))), None);
    let told = |what: &str| row.events.iter().any(|event| event.what.starts_with(what));
    add(shown.status, row.replied_at.filter(|_| !told(ANSWERED)), Some(ANSWERED.into()));
    add(shown.status, row.opted_out_at.filter(|_| !told(OPTED_OUT)), Some(OPTED_OUT.into()));
    history.extend(events(shown));
    // What happened at the same time stays in the order in which messages climb.
    history.sort_by_key(|entry| entry.at);
    history
}

/// How the event of an answer begins; what answered follows.
const ANSWERED: &str = "Answered";
/// The event of an opt-out.
const OPTED_OUT: &str = "The recipient opted out because of it";

/// What happened to a row without moving it.
fn events(shown: &Shown) -> impl Iterator<Item = HistoryView> {
    let row = &shown.row;
    row.events.iter().map(|event| HistoryView {
        status: shown.status,
        at: event.at.max(row.created_at),
        detail: Some(event.what.clone()),
    })
}

/// What a member wrote was received, and perhaps answered.
fn of_inbound(shown: &Shown, inbound: &Inbound) -> Vec<HistoryView> {
    let row = &shown.row;
    let detail = match (inbound.in_reply_to, inbound.attribution) {
        (Some(id), Some(Attribution::Quoted)) => format!("Received; it quotes {id}"),
        (Some(id), Some(Attribution::Latest) | None) => format!("Received; taken for an answer to {id}"),
        (None, _) => "Received".to_owned(),
    };
    let received = HistoryView { status: shown.status, at: row.created_at, detail: Some(detail) };
    let told = row.events.iter().any(|event| event.what.starts_with(ANSWERED));
    let answered = row.replied_at.filter(|_| !told).map(|at| HistoryView {
        status: shown.status,
        at,
        detail: Some(ANSWERED.into()),
    });
    let mut history: Vec<HistoryView> = [received].into_iter().chain(answered).chain(events(shown)).collect();
    history.sort_by_key(|entry| entry.at);
    history
}

/// Whether the row was final when it was written.
fn ended_at_once(row: &Row) -> bool {
    row.ended_at == Some(row.created_at) && row.tried_at.is_none() && row.sent_at.is_none()
}

fn of_call(shown: &Shown) -> Option<String> {
    let row = &shown.row;
    let waits = (row.status == MessageStatus::Queued).then_some(row.next_attempt_at).flatten();
    let mut sentences = Vec::new();
    if row.attempts > 1 {
        sentences.push(format!("Attempt {}", row.attempts));
    }
    if let Some(at) = waits {
        sentences.push(format!("The provider asked to try again later; the next attempt is at {at}"));
    }
    match row.unknown {
        None => {}
        Some(Unknown::NoAnswer) => {
            sentences.push("The provider's answer did not come; it may have the message".into());
        }
        Some(Unknown::Stopped) => {
            sentences.push("The call was interrupted; the provider may have the message".into());
        }
    }
    (!sentences.is_empty()).then(|| sentences.join(". "))
}

/// Why nobody knows what became of it, and what one can do.
fn of_silence(row: &Row) -> String {
    // What a later report said about the acceptance was not known then.
    let accepted = row.sent_at.is_some_and(|at| row.unconfirmed_at.is_some_and(|end| at <= end));
    let Row { channel, unknown, inquiry, .. } = *row;
    Unconfirmed { channel, accepted, unknown, inquiry }.sentences()
}

/// The status with which a row ended, and why. A delivery that was reported later takes the reason away, not the time.
fn of_end(shown: &Shown) -> (MessageStatus, String) {
    let Some(sentence) = shown.ended_for() else {
        return (MessageStatus::Failed, "Reported as failed; a later report corrected it".into());
    };
    let row = &shown.row;
    match &row.provider_code {
        Some(code) => (row.status, format!("{sentence} (the provider's code: {code})")),
        None => (row.status, sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_log::samples::row;
    use domain::{FailureCode, Reason, SkipCode};
    use store::row::Event;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn of(row: Row) -> Vec<(MessageStatus, i64)> {
        let status = row.status;
        history(&Shown { status, ..Shown::of(row) })
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
        assert_eq!(history(&shown), [expected]);
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
        let expected =
            [(Queued, 1_500), (Sending, 1_600), (Sent, 1_700), (Failed, 2_000), (Delivered, 3_000)];
        assert_eq!(of(row.clone()), expected);
        let refused = Row { sent_at: Some(at(9_000)), delivered_at: Some(at(9_000)), ..row.clone() };
        let expected =
            [(Queued, 1_500), (Sending, 1_600), (Failed, 2_000), (Sent, 9_000), (Delivered, 9_000)];
        assert_eq!(of(refused), expected, "the refusal came first");
        let coarse = Row { ended_at: Some(at(1_000)), ..row };
        assert_eq!(of(coarse)[2..4], [(Sent, 1_700), (Failed, 1_700)]);
    }

    #[test]
    fn a_report_after_the_window_follows_the_time_at_which_it_ended() {
        use MessageStatus::{Delivered, Queued, Sending, Sent, Unconfirmed};
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
            [(Queued, 1_500), (Sending, 1_600), (Unconfirmed, 5_000), (Sent, 9_000), (Delivered, 9_000)];
        assert_eq!(of(row), expected);
    }

    #[test]
    fn a_refusal_for_now_tells_when_it_is_tried_again() {
        let row = Row { attempts: 2, tried_at: Some(at(1_600)), next_attempt_at: Some(at(60_000)), ..base() };
        let history = history(&Shown::of(row));
        let detail = history.last().unwrap().detail.as_deref().unwrap();
        assert!(
            detail.starts_with("Attempt 2. ") && detail.ends_with("1970-01-01T00:01:00.000Z"),
            "{detail}"
        );
    }

    #[test]
    fn the_mark_places_a_call_whose_outcome_is_not_recorded() {
        let shown = Shown { status: MessageStatus::Sending, called_at: Some(at(1_900)), ..Shown::of(base()) };
        let last = history(&shown).pop().unwrap();
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
        let history = history(&Shown::of(row));
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
        assert_eq!(history(&shown), [expected]);
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
        let details = |row| -> Vec<String> {
            history(&Shown::of(row)).into_iter().filter_map(|entry| entry.detail).collect()
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
            let entries = history(&Shown::of(row)).into_iter();
            entries.map(|entry| (entry.at.millis(), entry.detail.unwrap_or_default())).collect::<Vec<_>>()
        };
        assert_eq!(of(Inbound::default(), None), [(1_500, "Received".to_owned())]);
        let id = base().id;
        let quotes =
            Inbound { in_reply_to: Some(id), attribution: Some(Attribution::Quoted), ..Inbound::default() };
        let expected = [(1_500, format!("Received; it quotes {id}")), (9_000, "Answered".to_owned())];
        assert_eq!(of(quotes, Some(at(9_000))), expected);
    }
}
