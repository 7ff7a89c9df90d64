//! In whose hand a message was: the claims, gate 2, the requests to the provider and their answers.

use domain::{Channel, MessageStatus, Timestamp, Unknown};
use store::row::{Call, Row, Verdict};

use super::{Evidence, Story};

pub(super) fn tell(story: &mut Story<'_>, evidence: &Evidence) {
    let shown = story.shown;
    let row = &shown.row;
    repair(story, evidence);
    let mut claimed_at = None;
    let mut made = row.calls.forgotten;
    for (index, call) in row.calls.kept.iter().enumerate() {
        let before = if made > 0 { MessageStatus::Sending } else { MessageStatus::Queued };
        made += u32::from(call.verdict.was_made());
        preparation(story, call, before, &mut claimed_at);
        let is_last = index + 1 == row.calls.kept.len();
        let forgotten = if index == 0 { row.calls.forgotten } else { 0 };
        request(story, call, made, forgotten, is_last);
    }
    if !row.calls.is_empty() {
        return;
    }
    // A call that is under way, or one of the time before calls were kept.
    if let Some(at) = shown.called_at.or(row.tried_at) {
        story.then(MessageStatus::Sending, at, in_hand(row));
    } else if let Some(at) = row.sent_at {
        let what = format!(
            "Handed to the {} provider by a dispatcher that stopped before it could note its claim, its look at the opt-outs and its request",
            row.channel.label()
        );
        story.then(MessageStatus::Sending, at, what);
    }
}

/// That reconcile had to put it on its way again, if it was still to be handed over then.
fn repair(story: &mut Story<'_>, evidence: &Evidence) {
    let row = &story.shown.row;
    let Some((at, times)) =
        evidence.parcel.as_ref().and_then(|parcel| Some((parcel.repaired_at?, parcel.repairs)))
    else {
        return;
    };
    let done = row.calls.kept.iter().any(|call| match call.verdict {
        Verdict::Accepted
        | Verdict::Unknown
        | Verdict::Refused
        | Verdict::OptedOutThere
        | Verdict::OptedOut => call.at < at,
        Verdict::Stopped
        | Verdict::Later
        | Verdict::NotReached
        | Verdict::SenderRefused
        | Verdict::TooLate
        | Verdict::Nothing => false,
    });
    let told_of = [row.sent_at, row.ended_at, row.delivered_at, row.read_at];
    if done || told_of.into_iter().flatten().any(|told| told < at) || at < row.created_at {
        return;
    }
    let again = if times > 1 { format!(", for the {times}th time") } else { String::new() };
    let what = format!(
        "Reconcile put it on its way again{again}: the queue's message for it was lost, or its worker had stopped"
    );
    story.add(MessageStatus::Queued, Some(at), what);
}

/// The claim and gate 2, before the call itself.
fn preparation(
    story: &mut Story<'_>,
    call: &Call,
    before: MessageStatus,
    claimed_at: &mut Option<Timestamp>,
) {
    let channel = story.shown.row.channel;
    let claimed = call.claimed.map(|earlier| call.at - earlier).filter(|at| *claimed_at != Some(*at));
    if let Some(at) = claimed {
        *claimed_at = Some(at);
        story.then(before, at, format!("Claimed by dispatch-{channel}"));
    }
    if let Some(earlier) = call.gate2 {
        let found = if call.verdict == Verdict::OptedOut {
            "they had opted out since gate 1"
        } else {
            "none of theirs since gate 1"
        };
        story.then(before, call.at - earlier, format!("Opt-outs were looked up again (gate 2): {found}"));
    }
}

/// The request, and the answer to it as far as that is not told as what became of the message.
fn request(story: &mut Story<'_>, call: &Call, number: u32, forgotten: u32, is_last: bool) {
    let row = &story.shown.row;
    let label = row.channel.label();
    let answered_at = call.at + call.took;
    let answer = answer(call);
    let next = row.next_attempt_at.filter(|_| is_last && row.status == MessageStatus::Queued);
    let next = next.map(|at| format!("; the next attempt is at {at}")).unwrap_or_default();
    if call.verdict.was_made() {
        let to = row.address.as_ref().filter(|_| !row.erased).map(|to| format!(", to {}", to.masked()));
        let earlier = match forgotten {
            0 => String::new(),
            n => format!("; {n} earlier ones are not kept"),
        };
        let what = match call.verdict {
            Verdict::Stopped => {
                "In a group that a dispatcher had claimed and was about to hand over".to_owned()
            }
            _ => format!("Request {number}"),
        };
        let what = format!("{what} to the {label} provider{}{earlier}", to.unwrap_or_default());
        story.then(MessageStatus::Sending, call.at, what);
    }
    match call.verdict {
        Verdict::Accepted => {
            let id = row.provider_message_id.as_deref().map(|id| format!(" as {id}")).unwrap_or_default();
            let segments = row.segments.map(|n| format!(", {n} segments")).unwrap_or_default();
            let segments = if row.segments == Some(1) { ", 1 segment".to_owned() } else { segments };
            story.then(
                MessageStatus::Sent,
                answered_at,
                format!("The {label} provider accepted it{id}{segments}"),
            );
        }
        Verdict::Later => {
            story.then(MessageStatus::Sending, answered_at, format!("Refused for now{answer}{next}"));
        }
        Verdict::NotReached => {
            let what = format!("The provider could not be reached; nothing was sent{next}");
            story.then(MessageStatus::Sending, answered_at, what);
        }
        Verdict::SenderRefused => {
            let what = format!("The sender was refused as a whole{answer}, and the channel paused{next}");
            story.then(MessageStatus::Sending, answered_at, what);
        }
        Verdict::Unknown => {
            let what = format!(
                "The provider's answer did not come, or proves nothing{answer}; it may have the message, so it is not sent again"
            );
            story.then(MessageStatus::Sending, answered_at, what);
        }
        Verdict::Stopped => {
            let what = "The dispatcher had stopped before it recorded an answer; the provider may have the message, so it is not sent again";
            story.then(MessageStatus::Sending, answered_at, what.to_owned());
        }
        Verdict::TooLate => {
            let what = format!("Not sent yet: that had been looked up too long before{next}");
            story.then(MessageStatus::Queued, answered_at, what);
        }
        // Told as the end of the message.
        Verdict::Refused | Verdict::OptedOutThere | Verdict::OptedOut | Verdict::Nothing => {}
    }
}

/// What the provider answered, in its own terms.
fn answer(call: &Call) -> String {
    let status = call.status.map(|status| format!("HTTP {status}"));
    let code = call.code.as_ref().map(|code| format!("the provider's code {code}"));
    let both: Vec<String> = status.into_iter().chain(code).collect();
    if both.is_empty() { String::new() } else { format!(" ({})", both.join(", ")) }
}

/// Of a call that is under way, or of one that was made before calls were kept.
fn in_hand(row: &Row) -> Option<String> {
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
    if sentences.is_empty() && row.tried_at.is_none() {
        sentences.push(under_way(row.channel));
    }
    (!sentences.is_empty()).then(|| sentences.join(". "))
}

fn under_way(channel: Channel) -> String {
    format!("It is being handed to the {} provider", channel.label())
}
