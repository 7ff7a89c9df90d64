//! Somebody who looks on all the time: in every read the counts add up, and nothing moves back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::caller::{Call, Caller};
use super::journal::Journal;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(400);
/// Pages of messages that are read at each look.
const PAGES: usize = 3;

/// What was last seen.
#[derive(Default)]
struct Seen {
    actions: BTreeMap<String, String>,
    messages: BTreeMap<String, String>,
    /// Where the walk through the messages goes on.
    cursor: Option<String>,
    walked: usize,
}

/// Looks until it is told to stop. Answers how many reads it made.
pub(crate) async fn look_on(caller: Caller, journal: Arc<Journal>, mut stop: watch::Receiver<bool>) -> usize {
    let mut seen = Seen::default();
    let mut reads = 0;
    loop {
        let actions = journal.actions();
        for (tag, id) in &actions {
            let answer = caller.attempt(Call::get(&format!("/bulk-actions/{id}"))).await;
            if let Some(answer) = answer.filter(|answer| answer.status == 200) {
                reads += 1;
                seen.action(&journal, tag, id, &answer.body);
            }
        }
        for _ in 0..PAGES {
            reads += seen.walk(&caller, &journal, &actions).await;
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return reads,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

impl Seen {
    fn action(&mut self, journal: &Journal, tag: &str, id: &str, action: &Value) {
        if let Err(sum) = adds_up(action) {
            journal.saw(format!("P3 {tag} ({id}): total is not the sum of its parts, {sum}: {action}"));
        }
        let status = status_of(action);
        let before = self.actions.insert(id.to_owned(), status.clone());
        if let Some(before) = before.filter(|before| !leads(before, &status)) {
            journal.saw(format!("P5 {tag} ({id}) moved from {before} to {status}"));
        }
    }

    /// One page of the messages of one action after another. Answers how many reads that took.
    async fn walk(&mut self, caller: &Caller, journal: &Journal, actions: &[(&str, String)]) -> usize {
        if actions.is_empty() {
            return 0;
        }
        let (tag, id) = &actions[self.walked % actions.len()];
        let cursor = self.cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("/messages?bulk_action_id={id}&limit=200{cursor}");
        let Some(page) = caller.attempt(Call::get(&path)).await.filter(|page| page.status == 200) else {
            return 0;
        };
        for message in page.body["items"].as_array().into_iter().flatten() {
            let status = status_of(message);
            let id = message["id"].as_str().unwrap_or_default().to_owned();
            let before = self.messages.insert(id.clone(), status.clone());
            if let Some(before) = before.filter(|before| !climbs(before, &status)) {
                journal.saw(format!("P5 {tag}: message {id} moved from {before} to {status}"));
            }
        }
        self.cursor = page.body["next_cursor"].as_str().map(str::to_owned);
        if self.cursor.is_none() {
            self.walked += 1;
        }
        1
    }
}

fn status_of(shown: &Value) -> String {
    shown["status"].as_str().expect("a status").to_owned()
}

/// The one order of statuses; `skipped` stands apart.
const CLIMB: [&str; 7] = ["queued", "sending", "sent", "unconfirmed", "failed", "delivered", "read"];

/// Whether a message that was seen in one status may be seen in the other later.
fn climbs(from: &str, to: &str) -> bool {
    let place = |status: &str| CLIMB.iter().position(|step| *step == status);
    match (place(from), place(to)) {
        (Some(before), Some(after)) => before <= after,
        // Refused for an opt-out: at any time before the message has an end.
        (Some(_), None) => !["failed", "delivered", "read"].contains(&from),
        (None, _) => from == to,
    }
}

/// Where an action may be seen after it was seen here, perhaps with moves in between that nobody saw.
fn leads(from: &str, to: &str) -> bool {
    let settled = ["completed", "partial", "failed"];
    from == to
        || match from {
            "queued" => true,
            "processing" => to == "delegated" || settled.contains(&to),
            "delegated" | "completed" | "partial" | "failed" => settled.contains(&to),
            _ => false,
        }
}

/// Whether the total is the sum of its parts; the sum if not.
pub(crate) fn adds_up(action: &Value) -> Result<(), u64> {
    let of = |name: &str| action[name].as_u64().expect("a count");
    let parts = ["success_count", "failed_count", "skipped_count", "unconfirmed_count", "pending_count"];
    let sum = parts.iter().map(|name| of(name)).sum();
    if of("total") == sum { Ok(()) } else { Err(sum) }
}

#[test]
fn statuses_are_seen_to_move_only_where_they_may() {
    for (from, to) in [("queued", "read"), ("sent", "sent"), ("failed", "delivered"), ("sent", "skipped")] {
        assert!(climbs(from, to), "{from} {to}");
    }
    for (from, to) in [("sent", "sending"), ("delivered", "failed"), ("skipped", "sent"), ("read", "skipped")]
    {
        assert!(!climbs(from, to), "{from} {to}");
    }
    for (from, to) in [("queued", "completed"), ("partial", "completed"), ("queued", "cancelled")] {
        assert!(leads(from, to), "{from} {to}");
    }
    for (from, to) in [("completed", "delegated"), ("cancelled", "queued"), ("processing", "cancelled")] {
        assert!(!leads(from, to), "{from} {to}");
    }
}
