//! How a recipient was selected, and what gate 1 said.

use domain::{Channel, MessageId, MessageStatus, SendSource};
use store::action::{Action, Selected};
use store::row::Row;

use super::{Evidence, Story};

pub(super) fn tell(story: &mut Story<'_>, evidence: &Evidence) {
    let shown = story.shown;
    let row = &shown.row;
    // Before there was a row there was no status: what led to it is told with the one that it was written with.
    let first = if ended_at_once(row) { row.status } else { MessageStatus::Queued };
    if let Some(action) = &evidence.action {
        story.then(first, action.created_at, selection(action, row));
        let repaired = action.repaired_at.filter(|at| action.created_at <= *at && *at <= row.created_at);
        if let Some(at) = repaired {
            let what = "Reconcile had its part of the send written again: the message for it was lost, or its worker had stopped";
            story.then(first, at, what.to_owned());
        }
    }
    match shown.ended_for().filter(|_| ended_at_once(row)) {
        Some(reason) => story.then(first, row.created_at, reason),
        None => story.then(first, row.created_at, gate1(row.channel)),
    }
}

/// Whether the row was final when it was written.
pub(super) fn ended_at_once(row: &Row) -> bool {
    row.ended_at == Some(row.created_at)
        && row.calls.is_empty()
        && row.tried_at.is_none()
        && row.sent_at.is_none()
}

fn gate1(channel: Channel) -> String {
    format!("Written to be sent: reachable, and not opted out of {} (gate 1)", channel.label())
}

/// By whom and how.
fn selection(action: &Action, row: &Row) -> String {
    let by = &action.created_by;
    if action.source == SendSource::Single {
        let where_to =
            if row.conversation.is_some() { " in a conversation" } else { " to this one recipient" };
        return format!("Asked for by {by}, as a message of its own{where_to}");
    }
    let among = match action.targets {
        1 => "as the only one".to_owned(),
        targets => format!("as one of {targets}"),
    };
    match (&action.selected, action.retry_of, row.again) {
        (_, Some(first), Some(place)) => {
            let again = MessageId { send: first.ulid(), chunk: place.chunk, slot: place.slot };
            format!("Selected by {by}, {among}, in a retry: instead of {again}")
        }
        (_, Some(first), None) => format!("Selected by {by}, {among}, in a retry of {first}"),
        (Some(Selected::Matching { unit_id, searched }), None, _) => {
            let unit = unit_id.as_ref().map(|unit| format!("unit {unit}"));
            let text = searched.then(|| "a search text".to_owned());
            let filter: Vec<String> = unit.into_iter().chain(text).collect();
            let matched = if filter.is_empty() {
                "everybody".to_owned()
            } else {
                format!("everybody who matched {}", filter.join(" and "))
            };
            format!("Selected by {by}, {among}: {matched}")
        }
        (Some(Selected::Listed), None, _) => format!("Selected by {by}, {among} named"),
        (Some(Selected::Again) | None, None, _) => format!("Selected by {by}, {among}"),
    }
}
