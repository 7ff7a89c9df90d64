//! What was promised, held against the ledger.

mod outcome;
mod people;

use std::collections::BTreeMap;

use super::journal::{Blow, Journal};
use super::reader::adds_up;
use super::sends::{CANCELLED, Send};
use super::truth::{Action, Truth};

/// A promise that was not kept.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) promise: &'static str,
    pub(crate) what: String,
    /// The message concerned.
    pub(crate) message_id: Option<String>,
}

/// All that is known of a run.
pub(crate) struct Case<'a> {
    pub(crate) truth: &'a Truth,
    pub(crate) journal: &'a Journal,
    pub(crate) sends: &'a [Send],
    /// Callbacks that the simulators gave up.
    pub(crate) given_up: usize,
}

/// The findings as they are made.
#[derive(Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, promise: &'static str, what: String) {
        self.0.push(Finding { promise, what, message_id: None });
    }

    fn about(&mut self, promise: &'static str, message_id: &str, what: String) {
        self.0.push(Finding { promise, what, message_id: Some(message_id.to_owned()) });
    }
}

/// Everything that is not as promised.
pub(crate) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    at_most_once(case, &mut findings);
    for action in &case.truth.actions {
        complete(case, action, &mut findings);
        counts_are_true(action, &mut findings);
    }
    outcome::rows_and_ledger_agree(case, &mut findings);
    outcome::little_is_unknown(case, &mut findings);
    people::opt_outs_won(case, &mut findings);
    people::one_winner(case, &mut findings);
    let seen = case.journal.entries().sights.clone();
    findings.0.extend(seen.into_iter().map(|what| Finding {
        promise: "as it was seen",
        what,
        message_id: None,
    }));
    findings.0
}

/// P1, by our id and by what the messages themselves say.
fn at_most_once(case: &Case<'_>, findings: &mut Findings) {
    for (id, entries) in &case.truth.by_id {
        if entries.len() > 1 {
            findings.about("P1", id, format!("accepted {} times under one id", entries.len()));
        }
    }
    let tags: Vec<&str> = case.sends.iter().map(|send| send.tag).collect();
    let mut times: BTreeMap<(&str, usize, &str), Vec<&str>> = BTreeMap::new();
    for entry in &case.truth.ledger {
        let tag = tags.iter().find(|tag| entry.says(tag));
        if let (Some(tag), Some(member)) = (tag, entry.member()) {
            times.entry((tag, member.0, entry.channel)).or_default().push(&entry.message_id);
        }
    }
    let mut allowed: BTreeMap<(&str, String, &str), usize> = BTreeMap::new();
    for action in &case.truth.actions {
        for row in &action.rows {
            *allowed.entry((action.tag, row.member_id.clone(), row.channel.as_str())).or_default() += 1;
        }
    }
    for ((tag, member, channel), ids) in times {
        let member = super::members::Member(member).id();
        let allowed = allowed.get(&(tag, member.clone(), channel)).copied().unwrap_or(0);
        if ids.len() > allowed {
            let what =
                format!("{tag} reached {member} {} times on {channel}, in {allowed} actions", ids.len());
            findings.about("P1", ids[0], what);
        }
    }
    for (word, row) in &case.truth.directs {
        let entries = case.truth.ledger.iter().filter(|entry| entry.says(word)).count();
        if entries > 1 {
            findings.about("P1", &row.id, format!("the single message {word} was accepted {entries} times"));
        }
    }
}

/// P2: one row for each target and channel, and each at its end.
fn complete(case: &Case<'_>, action: &Action, findings: &mut Findings) {
    let Action { tag, id, rows, view } = action;
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in rows {
        *seen.entry((&row.member_id, &row.channel)).or_default() += 1;
    }
    for ((member, channel), times) in seen.into_iter().filter(|(_, times)| *times > 1) {
        findings.add("P2", format!("{tag} ({id}) has {times} rows of {member} on {channel}"));
    }
    let cancelled = *tag == CANCELLED && view["status"] == "cancelled";
    let send = case.sends.iter().find(|send| send.tag == *tag);
    let planned = send.filter(|_| view["retry_of"].is_null() && !cancelled).map(Send::rows);
    let expected = planned.or_else(|| usize::try_from(view["total"].as_u64()?).ok()).unwrap_or(0);
    if !cancelled && rows.len() != expected {
        findings.add("P2", format!("{tag} ({id}) has {} rows and should have {expected}", rows.len()));
    }
    if cancelled && !rows.is_empty() {
        findings.add("P2", format!("{tag} ({id}) was cancelled and has {} rows", rows.len()));
    }
    for row in rows.iter().filter(|row| row.is(&["queued", "sending", "sent"])) {
        findings.about("P2", &row.id, format!("{tag} has settled, and this message is {}", row.status));
    }
}

/// Whether the counters of an action have caught up with its rows.
pub(crate) fn is_counted(action: &Action) -> bool {
    let mut findings = Findings::default();
    counts_are_true(action, &mut findings);
    findings.0.is_empty()
}

/// P3: counters equal the rows.
fn counts_are_true(action: &Action, findings: &mut Findings) {
    let Action { tag, id, rows, view } = action;
    if let Err(sum) = adds_up(view) {
        findings.add("P3", format!("{tag} ({id}): its parts come to {sum}: {view}"));
    }
    if view["status"] == "cancelled" {
        return;
    }
    let count = |statuses: &[&str]| rows.iter().filter(|row| row.is(statuses)).count();
    let counted = [
        ("success_count", count(&["delivered", "read"])),
        ("failed_count", count(&["failed"])),
        ("skipped_count", count(&["skipped"])),
        ("unconfirmed_count", count(&["unconfirmed"])),
        ("pending_count", count(&["queued", "sending", "sent"])),
        ("sent_count", rows.iter().filter(|row| row.sent && !row.is(&["skipped"])).count()),
        ("delivered_count", count(&["delivered", "read"])),
        ("read_count", count(&["read"])),
    ];
    for (name, of_rows) in counted {
        if view[name].as_u64() != u64::try_from(of_rows).ok() {
            findings
                .add("P3", format!("{tag} ({id}): {name} is {}, and its rows come to {of_rows}", view[name]));
        }
    }
}

impl Case<'_> {
    fn blows(&self) -> Vec<Blow> {
        self.journal.entries().blows.clone()
    }
}
