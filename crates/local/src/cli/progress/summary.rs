//! What became of a send: the closing words and the exit status.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value as Json;

use crate::{
    api::Api,
    cli::{
        output::{Screen, code_count, facts, field},
        pages::{List, Pages},
    },
};

/// Reasons that lie in the recipient's own data or choice, not in the system or its configuration.
const OF_THE_RECIPIENT: &[&str] = &[
    "no_phone",
    "invalid_phone",
    "no_email",
    "invalid_email",
    "member_not_found",
    "missing_variable",
    "undeliverable",
    "bounced",
    "carrier_blocked",
    "provider_rejected",
    "opted_out",
    "covered",
];

/// Failed and skipped rows by code: their number, and the sentence of one of them.
pub(super) type Failures = BTreeMap<String, (u64, String)>;

/// Counts the failed items of an action. Its first page has the counts; further ones are read only until each code has a sentence.
pub(super) async fn failures(api: &Api, id: &str) -> Result<Failures> {
    let list = List::new(format!("/bulk-actions/{id}/failed-items"));
    let mut pages = Pages::new(api, &list);
    let mut failures = Failures::new();
    while let Some(page) = pages.next().await? {
        add(&mut failures, &page);
        if failures.values().all(|(_, sentence)| !sentence.is_empty()) {
            break;
        }
    }
    Ok(failures)
}

fn add(failures: &mut Failures, page: &Json) {
    for (code, count) in page["counts"].as_object().into_iter().flatten() {
        failures.entry(code.clone()).or_default().0 = count.as_u64().unwrap_or_default();
    }
    for item in page["items"].as_array().into_iter().flatten() {
        let entry = failures.entry(field(item, "code")).or_default();
        if entry.1.is_empty() {
            entry.1 = field(item, "message");
        }
    }
}

/// The counts of an action, one a line.
pub(in crate::cli) fn counts(action: &Json) -> String {
    let count = |(name, field): (&'static str, &str)| {
        (name, format!("{:>7}", action[field].as_u64().unwrap_or_default()))
    };
    let counts = [
        ("total", "total"),
        ("landed", "success_count"),
        ("read", "read_count"),
        ("failed", "failed_count"),
        ("skipped", "skipped_count"),
        ("unconfirmed", "unconfirmed_count"),
    ];
    facts(&counts.map(count))
}

/// The closing summary.
pub(super) fn text(action: &Json, failures: &Failures, screen: Screen) -> String {
    let mut out = format!("{}\n", screen.status(&field(action, "status")));
    out.push_str(&counts(action));
    out.push_str(&facts(&[("reason", field(action, "failure_reason"))]));
    for (code, (count, message)) in failures {
        out.push_str(&code_count(code, *count, message));
    }
    out
}

/// Whether the send ended as well as its recipients' data allow; `strict` allows no failure at all.
pub(super) fn is_good(action: &Json, failures: &Failures, strict: bool) -> bool {
    match action["status"].as_str() {
        Some("completed") => true,
        Some("partial") => !strict && failures.keys().all(|code| OF_THE_RECIPIENT.contains(&code.as_str())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failures(counts: &[(&str, u64)]) -> Failures {
        let items: Vec<Json> = counts
            .iter()
            .map(|(code, _)| json!({"code": code, "message": format!("about {code}")}))
            .collect();
        let counts: BTreeMap<&str, u64> = counts.iter().copied().collect();
        let mut failures = Failures::new();
        add(&mut failures, &json!({"items": items, "counts": counts}));
        failures
    }

    #[test]
    fn failures_of_the_recipients_own_data_are_no_failure_of_the_send() {
        let partial = json!({"status": "partial"});
        let own = failures(&[("no_phone", 2), ("opted_out", 1)]);
        assert!(is_good(&partial, &own, false));
        assert!(!is_good(&partial, &own, true));
        assert!(!is_good(&partial, &failures(&[("no_phone", 1), ("internal_error", 1)]), false));
    }

    #[test]
    fn only_a_completed_send_is_good_in_any_case() {
        assert!(is_good(&json!({"status": "completed"}), &failures(&[("opted_out", 1)]), true));
        for status in ["failed", "cancelled", "queued"] {
            assert!(!is_good(&json!({"status": status}), &failures(&[]), false), "{status}");
        }
    }

    #[test]
    fn the_summary_lists_counts_and_codes() {
        let action = json!({"status": "partial", "total": 3, "success_count": 1, "failed_count": 2});
        let text = text(&action, &failures(&[("no_phone", 2)]), Screen::plain(80));
        assert!(text.starts_with("partial\n  total              3\n"), "{text}");
        assert!(text.contains("    no_phone                   2  about no_phone\n"), "{text}");
    }

    #[test]
    fn a_code_without_an_item_counts_too() {
        let mut all = Failures::new();
        add(&mut all, &json!({"items": [], "counts": {"internal_error": 9}}));
        assert_eq!(all["internal_error"], (9, String::new()));
    }
}
