//! P1 and P6: at most once, and one winner.

use std::collections::{BTreeMap, BTreeSet};

use domain::{BulkActionId, BulkActionStatus, Dedupe, SendSource, Timestamp};

use super::{Sent, key};
use crate::simulation::core::{About, Core};
use crate::simulation::people::Memory;

pub(super) fn check(core: &Core, memory: &Memory, sent: &[Sent]) {
    per_recipient(core, sent);
    per_request(core, memory, sent);
    retried_once(core, sent);
    cancelled(core, memory, sent);
    limit(core, sent);
}

/// P1: a provider accepts at most one message per action, member and channel. The text names both.
fn per_recipient(core: &Core, sent: &[Sent]) {
    let mut recipients = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    let by_address: BTreeSet<_> =
        sent.iter().filter(|sent| sent.action.dedupe == Dedupe::Address).map(|sent| sent.action.id).collect();
    for accepted in core.ledger.accepted() {
        let action = accepted.id.send;
        if let Some(first) =
            recipients.insert((action, accepted.channel, accepted.text.clone()), accepted.number)
        {
            let what = format!("{} was accepted twice, as {first} and as {}", accepted.id, accepted.number);
            core.violated("P1", About::Message(accepted.id), what);
        }
        let place = (action, accepted.channel, accepted.to.clone());
        if by_address.contains(&BulkActionId::new(action))
            && let Some(first) = addresses.insert(place, accepted.number)
        {
            let what =
                format!("one address got {first} and {} of a send that covers households", accepted.number);
            core.violated("P1", About::Message(accepted.id), what);
        }
    }
}

/// P6: what was asked for once is there once, however often the call was repeated.
fn per_request(core: &Core, memory: &Memory, sent: &[Sent]) {
    let mut by_tag: BTreeMap<String, BTreeSet<BulkActionId>> = BTreeMap::new();
    for accepted in core.ledger.accepted() {
        let id = BulkActionId::new(accepted.id.send);
        let retry = sent.iter().any(|sent| sent.action.id == id && sent.action.retry_of.is_some());
        let tag = accepted.text.split_whitespace().next().unwrap_or_default().to_owned();
        // HELP and START are answered by us, each time anew.
        if !retry && memory.asked.iter().any(|asked| asked.tag == tag) {
            by_tag.entry(tag).or_default().insert(id);
        }
    }
    for (tag, actions) in by_tag {
        if let Some(last) = actions.last().filter(|_| actions.len() > 1) {
            core.violated("P6", key(*last), format!("{tag} was asked for once and sent by {actions:?}"));
        }
    }
}

/// A row is taken by one retry at most.
fn retried_once(core: &Core, sent: &[Sent]) {
    let mut taken = BTreeMap::new();
    for sent in sent {
        let Some(original) = sent.action.retry_of else { continue };
        for row in &sent.rows {
            let recipient = (original, row.member_id.clone(), row.channel);
            if let Some(first) = taken.insert(recipient, sent.action.id)
                && sent.action.routing == domain::Routing::All
            {
                let what = format!("a row of {original} was taken by {first} and by {}", sent.action.id);
                core.violated("P6", About::Message(row.id), what);
            }
        }
    }
}

/// Who was told that a send is called off was told the truth.
fn cancelled(core: &Core, memory: &Memory, sent: &[Sent]) {
    for sent in sent {
        let id = sent.action.id;
        let is_cancelled = sent.action.status == BulkActionStatus::Cancelled;
        if memory.cancelled.contains(&id) && !is_cancelled {
            core.violated(
                "P6",
                key(id),
                format!("its cancellation was answered, and it is {}", sent.action.status),
            );
        }
        let left = core.ledger.accepted().iter().any(|accepted| accepted.id.send == id.ulid());
        if is_cancelled && (left || !sent.rows.is_empty()) {
            core.violated("P6", key(id), "it is cancelled and has rows or was sent");
        }
    }
}

/// At most ten bulk actions in any 60 seconds.
fn limit(core: &Core, sent: &[Sent]) {
    let mut times: Vec<Timestamp> = sent
        .iter()
        .filter(|sent| sent.action.source == SendSource::BulkAction)
        .map(|sent| sent.action.created_at)
        .collect();
    times.sort_unstable();
    for window in times.windows(11) {
        // Clocks may differ by a second.
        if let [first, .., last] = window
            && last.since(*first).as_secs() < 58
        {
            core.violated("P6", About::Key("LIMIT".into()), format!("eleven actions from {first} to {last}"));
        }
    }
}
