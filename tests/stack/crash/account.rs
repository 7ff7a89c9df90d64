//! A readable account of what went wrong.

use std::fmt::Write as _;

use super::caller::{Call, Caller};
use super::judge::{Case, Finding};
use crate::running::Home;

/// Findings that are told in full.
const IN_FULL: usize = 5;
const LAST_LINES: usize = 25;

/// The findings, with the history of the messages concerned, what the ledger holds of them and what was done to the stack.
pub(crate) async fn of(caller: &Caller, case: &Case<'_>, findings: &[Finding], seed: u64) -> String {
    let mut text = format!("seed {seed}: {} promises were not kept\n", findings.len());
    for finding in findings.iter().take(40) {
        let message = finding.message_id.as_deref().unwrap_or("-");
        add(&mut text, format_args!("  {} {message}: {}", finding.promise, finding.what));
    }
    let about = findings.iter().filter_map(|finding| finding.message_id.as_deref()).take(IN_FULL);
    for id in about {
        add(&mut text, format_args!("\n{id}"));
        match caller.attempt(Call::get(&format!("/messages/{id}"))).await {
            Some(answer) => add(&mut text, format_args!("{:#}", answer.body)),
            None => add(&mut text, format_args!("  its history cannot be read")),
        }
        for entry in case.truth.by_id.get(id).into_iter().flatten() {
            add(&mut text, format_args!("  accepted at {}: {}", entry.at, entry.item));
        }
    }
    add(&mut text, format_args!("\nwhat was done"));
    for blow in &case.journal.entries().blows {
        add(&mut text, format_args!("  {} {}", blow.at, blow.what));
    }
    text
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a text takes all that is written");
}

/// What the stack itself said last.
pub(crate) fn last_words(home: &Home) -> String {
    let log = home.log();
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    format!("the stack's last words\n{}", lines[from..].join("\n"))
}
