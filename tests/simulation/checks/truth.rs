//! P2: every target ends in one final state, and that state is what happened.

use std::collections::{BTreeMap, BTreeSet};

use domain::receipt::Report;
use domain::{BulkActionStatus, FailureCode, MessageId, MessageStatus, Reason, Unknown};
use store::row::{Origin, Row};

use super::{Sent, key};
use crate::simulation::core::{About, Core};
use crate::simulation::host::Host;
use crate::simulation::people::Memory;

pub(super) fn check(host: &Host, memory: &Memory, sent: &[Sent]) {
    let core = &host.core;
    for sent in sent {
        if !sent.action.status.is_settled() {
            core.violated("P2", key(sent.action.id), format!("it ends as {}", sent.action.status));
        }
        if sent.action.due_at.is_some() {
            core.violated("P2", key(sent.action.id), "it is settled and still due");
        }
        stopped(host, sent);
    }
    accepted_exist(core, memory, sent);
    every_row(host, sent);
    at_most_a_group(host, sent);
}

/// Work that was driven again so often without an outcome is given up.
const GIVEN_UP_AFTER: usize = 5;

/// We give an action up only where nothing else was possible.
fn stopped(host: &Host, sent: &Sent) {
    let action = &sent.action;
    if action.status == BulkActionStatus::Failed
        && let Some(reason) = &action.failure_reason
        && !(reason == "schedule_missed" && action.finished_at.is_some_and(|at| at >= action.expires_at))
        && host.lost("send-message") < GIVEN_UP_AFTER
    {
        host.core.violated("P2", key(action.id), format!("it was given up: {reason}"));
    }
}

/// What was accepted by us is there.
fn accepted_exist(core: &Core, memory: &Memory, sent: &[Sent]) {
    let actions: BTreeSet<String> = sent.iter().map(|sent| sent.action.id.to_string()).collect();
    let rows: BTreeSet<String> =
        sent.iter().flat_map(|sent| &sent.rows).map(|row| row.id.to_string()).collect();
    for asked in &memory.asked {
        if let Some(id) = asked.accepted.as_ref().filter(|id| !actions.contains(*id) && !rows.contains(*id)) {
            core.violated(
                "P2",
                About::Key(id.clone()),
                format!("{} was accepted and is not there", asked.tag),
            );
        }
    }
}

/// The status of every row is what became of its message.
fn every_row(host: &Host, sent: &[Sent]) {
    let core = &host.core;
    let rows: BTreeMap<MessageId, &Row> =
        sent.iter().flat_map(|sent| &sent.rows).map(|row| (row.id, row)).collect();
    let accepted: BTreeMap<MessageId, String> =
        core.ledger.accepted().iter().map(|accepted| (accepted.id, accepted.provider_id())).collect();
    let (taken, told, requests) = (core.ledger.taken(), core.ledger.all_told(), core.ledger.requests());
    for id in accepted.keys().filter(|id| !rows.contains_key(id)) {
        core.violated("P2", About::Message(*id), format!("{id} was accepted by the provider and has no row"));
    }
    for (id, row) in &rows {
        if matches!(row.origin, Origin::Inbound(_)) {
            continue;
        }
        let reports = taken.get(id).cloned().unwrap_or_default();
        let wrong = if let Some(provider_id) = accepted.get(id) {
            let told = told.get(id).map_or(&[][..], Vec::as_slice);
            let foreign = row.provider_message_id.as_ref().filter(|id| *id != provider_id);
            let foreign = foreign.map(|id| format!("it has the id of another message, {id}"));
            foreign.or_else(|| wrong_if_accepted(core, host, row, &reports, told))
        } else {
            wrong_if_not(host, row, requests.contains_key(id))
        };
        if let Some(wrong) = wrong {
            core.violated("P2", About::Message(*id), format!("{id} is {}: {wrong}", row.status));
        }
    }
}

fn wrong_if_accepted(
    core: &Core,
    host: &Host,
    row: &Row,
    reports: &[Report],
    told: &[Report],
) -> Option<String> {
    let expected = after(reports.iter());
    // What was told may have been heard, or some of it.
    if told.iter().any(|told| row.status == after(reports.iter().chain([told]))) {
        return None;
    }
    // Reports that we took may be lost with a purged queue, or given up after five tries.
    let may_lack = core.faults.loses_receipts() || host.dead() > 0;
    match row.status {
        status if status == expected => None,
        MessageStatus::Unconfirmed | MessageStatus::Failed | MessageStatus::Delivered
            if may_lack
                && row.status < expected
                && (row.status == MessageStatus::Unconfirmed || !reports.is_empty()) =>
        {
            None
        }
        _ => Some(format!("the provider accepted it and reported {reports:?}")),
    }
}

/// Where reports take a message that was accepted.
fn after<'a>(reports: impl Iterator<Item = &'a Report>) -> MessageStatus {
    let highest = reports.filter_map(|report| report.status()).max();
    highest.filter(|status| *status > MessageStatus::Unconfirmed).unwrap_or(MessageStatus::Unconfirmed)
}

fn wrong_if_not(host: &Host, row: &Row, requested: bool) -> Option<String> {
    match (row.status, row.reason) {
        (MessageStatus::Failed, Some(Reason::Failed(FailureCode::InternalError)))
            if host.lost("dispatch-") < GIVEN_UP_AFTER =>
        {
            Some("it was given up although hardly anything had failed".to_owned())
        }
        (MessageStatus::Skipped | MessageStatus::Failed, _) => None,
        // The provider was called, or a dispatcher stopped after it had moved the mark.
        (MessageStatus::Unconfirmed, _) if requested || row.unknown == Some(Unknown::Stopped) => None,
        _ => Some("the provider never accepted it".to_owned()),
    }
}

/// One stop of a function makes at most 20 messages unknown.
fn at_most_a_group(host: &Host, sent: &[Sent]) {
    let stopped: Vec<&Row> =
        sent.iter().flat_map(|sent| &sent.rows).filter(|row| row.unknown == Some(Unknown::Stopped)).collect();
    let most = 20 * host.lost("dispatch-");
    if let Some(row) = stopped.last().filter(|_| stopped.len() > most) {
        let what = format!("{} messages are unknown although only {most} may be", stopped.len());
        host.core.violated("P2", About::Message(row.id), what);
    }
}
