//! What became of a message: reports, what the provider said when it was asked, and what corrected what.

use std::time::Duration;

use domain::unconfirmed::Unconfirmed;
use domain::{Inquiry, MessageStatus, Timestamp};
use store::row::{Row, Verdict};

use super::{Story, origin};
use crate::read_log::shown::Shown;

/// By how much a provider's clock may be behind ours: what it reports as a failure may follow what we know, or come before it.
const CLOCKS: Duration = Duration::from_secs(2);

pub(super) fn tell(story: &mut Story<'_>) {
    let shown = story.shown;
    let row = &shown.row;
    let accepted = row.calls.kept.iter().find(|call| call.verdict == Verdict::Accepted);
    let called = last_call(shown);
    let sent = row.sent_at.map(|at| at.max(called.unwrap_or(row.created_at)));
    if accepted.is_none() {
        // What was only found out by asking stands where it was.
        let told =
            sent.map(|at| row.asked_at.filter(|_| was_asked_for(row)).map_or(at, |asked| asked.max(at)));
        story.add(MessageStatus::Sent, told, of_acceptance(row));
    }
    let handed_over = accepted.map(|call| call.at + call.took).or(sent).or(called).unwrap_or(row.created_at);
    story.add(MessageStatus::Unconfirmed, row.unconfirmed_at, of_silence(row));
    let ended = end(story, handed_over);
    // Whatever follows corrects it: statuses climb.
    let corrected = Corrected { unconfirmed: row.unconfirmed_at, ended };
    let delivered = row.delivered_at.map(|at| corrected.placed(at.max(handed_over), row.came.delivered_at));
    story.add(
        MessageStatus::Delivered,
        delivered,
        of_report(row, row.came.delivered_at, row.delivered_at, corrected),
    );
    let corrected = if delivered.is_some() { Corrected::default() } else { corrected };
    let read =
        row.read_at.map(|at| corrected.placed(at.max(delivered.unwrap_or(handed_over)), row.came.read_at));
    story.add(MessageStatus::Read, read, of_report(row, row.came.read_at, row.read_at, corrected));
}

/// What a report corrects, because it came later.
#[derive(Debug, Clone, Copy, Default)]
struct Corrected {
    unconfirmed: Option<Timestamp>,
    ended: Option<Timestamp>,
}

impl Corrected {
    /// Where a report stands: at the time that it tells, unless it corrects something; then where it did.
    fn placed(self, at: Timestamp, came_at: Option<Timestamp>) -> Timestamp {
        match self.unconfirmed.max(self.ended) {
            Some(corrected) => corrected.max(came_at.unwrap_or(at)).max(at),
            None => at,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self { unconfirmed: None, ended: None } => "",
            Self { unconfirmed: Some(unconfirmed), ended } if Some(unconfirmed) >= ended => {
                "; it corrects that it was unconfirmed"
            }
            Self { .. } => "; it corrects that it had failed",
        }
    }
}

/// Whether the provider was asked because its answer had not come, and has the message.
fn was_asked_for(row: &Row) -> bool {
    row.unknown.is_some() && matches!(row.inquiry, Some(Inquiry::Found | Inquiry::OnItsWay))
}

/// When it was last with the provider, as far as that is known.
fn last_call(shown: &Shown) -> Option<Timestamp> {
    let row = &shown.row;
    shown.called_at.or(row.tried_at).map(|at| at.max(row.created_at))
}

/// The failure or the skip, unless it was there when the row was written. Answers where it stands.
fn end(story: &mut Story<'_>, handed_over: Timestamp) -> Option<Timestamp> {
    let shown = story.shown;
    let row = &shown.row;
    let at = row.ended_at?;
    if origin::ended_at_once(row) {
        return None;
    }
    let at = if handed_over.since(at) < CLOCKS { at.max(handed_over) } else { at };
    let corrected = Corrected { unconfirmed: row.unconfirmed_at, ended: None };
    let at = corrected.placed(at, row.came.ended_at);
    let (status, mut detail) = of_end(shown);
    let by_answer = row.calls.kept.last().filter(|call| Some(call.at + call.took) == row.ended_at);
    if let Some(status) = by_answer.and_then(|call| call.status) {
        detail = format!("{detail}; it answered with HTTP {status}");
    }
    if row.inquiry == Some(Inquiry::Found) && row.asked_at == row.ended_at {
        detail.push_str("; the provider said so when it was asked, as no report had come");
    }
    detail.push_str(&came(row.came.ended_at));
    story.add(status, Some(at), detail);
    Some(at)
}

/// How it is known that the provider has it, if not from its answer.
fn of_acceptance(row: &Row) -> String {
    let label = row.channel.label();
    match row.sent_at.filter(|_| was_asked_for(row)) {
        Some(at) => format!("The {label} provider has had it since {at}: it said so when it was asked"),
        None => format!("The {label} provider has it"),
    }
}

/// Why nobody knows what became of it, and what one can do.
fn of_silence(row: &Row) -> String {
    // What a later report said about the acceptance was not known then.
    let accepted = row.sent_at.is_some_and(|at| row.unconfirmed_at.is_some_and(|end| at <= end));
    let Row { channel, unknown, inquiry, .. } = *row;
    Unconfirmed { channel, accepted, unknown, inquiry }.sentences()
}

/// Who told of a delivery, and what that corrected.
fn of_report(row: &Row, came_at: Option<Timestamp>, at: Option<Timestamp>, corrected: Corrected) -> String {
    let asked = row.inquiry == Some(Inquiry::Found) && row.asked_at.is_some() && row.asked_at == at;
    let label = row.channel.label();
    let told = if asked {
        format!("The {label} provider said so when it was asked, as no report had come")
    } else {
        format!("Reported by the {label} provider")
    };
    let correction = corrected.sentence();
    let happened = at.filter(|_| !correction.is_empty() && came_at.is_some());
    let happened = happened.map(|at| format!("; it happened at {at}")).unwrap_or_default();
    told + &happened + &came(came_at) + correction
}

/// When a report came that tells itself when something happened. Others came when they say it happened.
fn came(at: Option<Timestamp>) -> String {
    at.map(|at| format!("; the report came at {at}")).unwrap_or_default()
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
