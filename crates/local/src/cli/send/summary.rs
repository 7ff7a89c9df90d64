//! What became of a send: the closing words and the exit status.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value as Json;

use crate::api::Api;

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
pub(super) type FailureCounts = BTreeMap<String, (u64, String)>;

/// Reads all failed items of an action.
pub(super) async fn failure_counts(api: &Api, id: &str) -> Result<FailureCounts> {
    let mut counts = FailureCounts::new();
    let mut path = format!("/bulk-actions/{id}/failed-items?limit=200");
    loop {
        let page = api.get(&path).await?;
        add(&mut counts, &page["items"]);
        match page["next_cursor"].as_str() {
            Some(cursor) => {
                let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
                path = format!("/bulk-actions/{id}/failed-items?limit=200&cursor={cursor}");
            }
            None => return Ok(counts),
        }
    }
}

fn add(counts: &mut FailureCounts, items: &Json) {
    for item in items.as_array().into_iter().flatten() {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        counts.entry(text("code")).or_insert_with(|| (0, text("message"))).0 += 1;
    }
}

/// The closing summary.
pub(super) fn text(action: &Json, failures: &FailureCounts) -> String {
    let mut out = format!("{}\n", action["status"].as_str().unwrap_or("?"));
    let mut line = |text: String| out.extend(["  ", &text, "\n"]);
    for (name, field) in [
        ("total", "total"),
        ("landed", "success_count"),
        ("read", "read_count"),
        ("failed", "failed_count"),
        ("skipped", "skipped_count"),
        ("unconfirmed", "unconfirmed_count"),
    ] {
        line(format!("{name:<12} {:>7}", action[field].as_u64().unwrap_or_default()));
    }
    if let Some(reason) = action["failure_reason"].as_str() {
        line(format!("reason       {reason}"));
    }
    for (code, (count, message)) in failures {
        line(format!("  {code:<22} {count:>5}  {message}"));
    }
    out
}

/// Whether the send ended as well as its recipients' data allow; `strict` allows no failure at all.
pub(super) fn is_good(action: &Json, failures: &FailureCounts, strict: bool) -> bool {
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

    fn counts(codes: &[&str]) -> FailureCounts {
        let items: Vec<Json> =
            codes.iter().map(|code| json!({"code": code, "message": format!("about {code}")})).collect();
        let mut counts = FailureCounts::new();
        add(&mut counts, &Json::from(items));
        counts
    }

    #[test]
    fn failures_of_the_recipients_own_data_are_no_failure_of_the_send() {
        let partial = json!({"status": "partial"});
        let own = counts(&["no_phone", "no_phone", "opted_out"]);
        assert_eq!(own["no_phone"].0, 2);
        assert!(is_good(&partial, &own, false));
        assert!(!is_good(&partial, &own, true));
        assert!(!is_good(&partial, &counts(&["no_phone", "internal_error"]), false));
    }

    #[test]
    fn only_a_completed_send_is_good_in_any_case() {
        assert!(is_good(&json!({"status": "completed"}), &counts(&["opted_out"]), true));
        for status in ["failed", "cancelled", "queued"] {
            assert!(!is_good(&json!({"status": status}), &counts(&[]), false), "{status}");
        }
    }

    #[test]
    fn the_summary_lists_counts_and_codes() {
        let action = json!({"status": "partial", "total": 3, "success_count": 1, "failed_count": 2});
        let text = text(&action, &counts(&["no_phone", "no_phone"]));
        assert!(text.starts_with("partial\n  total              3\n"), "{text}");
        assert!(text.contains("no_phone                   2  about no_phone"), "{text}");
    }
}
