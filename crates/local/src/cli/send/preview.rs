//! What a send would do, before it does it.

use serde_json::Value as Json;

use crate::cli::output::{Column, Screen, Table, code_count, facts, field, lines, time};

/// Flagged members that are listed; the API names up to 200.
const FLAGGED: usize = 20;

/// A preview for people.
pub(super) fn text(preview: &Json, screen: Screen) -> String {
    let count = |value: &Json| value.as_u64().unwrap_or_default();
    let unreachable = &preview["unreachable"];
    let mut out = format!(
        "{} messages: {} would be sent, {} would not\n",
        count(&preview["total"]),
        count(&preview["reachable"]),
        count(&unreachable["count"])
    );
    for (code, number) in unreachable["by_code"].as_object().into_iter().flatten() {
        out.push_str(&code_count(code, count(number), ""));
    }
    out.push_str(&facts(&[("done by", done(preview)), ("named twice", named_twice(preview))]));
    out.push_str(&section("channels", &channels(preview, screen)));
    out.push_str(&section("flagged", &flagged(preview, screen)));
    for sample in items(preview, "samples") {
        out.push_str(&sample_text(sample));
    }
    out.push_str("\nnothing was sent\n");
    out
}

fn items<'a>(preview: &'a Json, name: &str) -> &'a [Json] {
    preview[name].as_array().map_or(&[], Vec::as_slice)
}

fn section(name: &str, table: &str) -> String {
    if table.is_empty() { String::new() } else { format!("\n{name}\n{table}") }
}

fn done(preview: &Json) -> String {
    let at = time(preview, "estimated_completion");
    match preview["spans_days"].as_u64() {
        _ if at.is_empty() => at,
        Some(days @ 2..) => format!("{at} UTC, over {days} days"),
        _ => format!("{at} UTC"),
    }
}

fn named_twice(preview: &Json) -> String {
    match preview["duplicates_removed"].as_u64() {
        Some(count @ 1..) => format!("{count} left out"),
        _ => String::new(),
    }
}

fn channels(preview: &Json, screen: Screen) -> String {
    let mut table = Table::new([
        Column::Text("channel"),
        Column::Number("reachable"),
        Column::Number("segments"),
        Column::Text("encoding"),
    ]);
    for channel in items(preview, "by_channel") {
        table.push(["channel", "reachable", "segments", "encoding"].map(|name| field(channel, name)));
    }
    table.text_if_any(screen)
}

fn flagged(preview: &Json, screen: Screen) -> String {
    let mut table = Table::new([
        Column::Text("member"),
        Column::Text("channel"),
        Column::Text("code"),
        Column::Text("reason"),
    ]);
    let flagged = items(preview, "flagged");
    for one in flagged.iter().take(FLAGGED) {
        table.push(["member_id", "channel", "code", "message"].map(|name| field(one, name)));
    }
    let mut text = table.text_if_any(screen);
    if flagged.len() > FLAGGED {
        text.extend(["... and ", &(flagged.len() - FLAGGED).to_string(), " more; --json shows them\n"]);
    }
    text
}

fn sample_text(sample: &Json) -> String {
    let mut out = format!("\n{} would read, by {}:\n", field(sample, "member_id"), field(sample, "channel"));
    let subject = field(sample, "subject");
    if !subject.is_empty() {
        out.extend(["  | ", &subject, "\n  |\n"]);
    }
    for line in lines(sample["body"].as_str().unwrap_or_default()) {
        out.push_str(format!("  | {line}").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_preview_says_who_is_reached_at_what_cost_and_how_it_reads() {
        let preview = json!({
            "total": 4, "reachable": 2,
            "unreachable": {"count": 2, "by_code": {"no_phone": 1, "opted_out": 1}},
            "flagged": [{"member_id": "m2", "channel": "sms", "code": "no_phone", "message": "The member has no phone number"}],
            "by_channel": [{"channel": "sms", "reachable": 2, "segments": 4, "encoding": "ucs2"}],
            "samples": [{"member_id": "m1", "channel": "sms", "subject": null, "body": "Kia ora Hēmi,\n\n10:00!"}],
            "duplicates_removed": 1, "estimated_completion": "2026-12-02T09:00:04Z", "spans_days": 2,
        });
        let expected = "\
4 messages: 2 would be sent, 2 would not
    no_phone                   1
    opted_out                  1
  done by      2026-12-02 09:00:04 UTC, over 2 days
  named twice  1 left out

channels
CHANNEL  REACHABLE  SEGMENTS  ENCODING
sms              2         4  ucs2

flagged
MEMBER  CHANNEL  CODE      REASON
m2      sms      no_phone  The member has no phone number

m1 would read, by sms:
  | Kia ora Hēmi,
  |
  | 10:00!

nothing was sent
";
        assert_eq!(text(&preview, Screen::plain(80)), expected);
    }

    #[test]
    fn a_preview_of_little_says_little() {
        let preview = json!({
            "total": 1, "reachable": 1, "unreachable": {"count": 0, "by_code": {}}, "flagged": [], "by_channel": [],
            "samples": [{"member_id": "m1", "channel": "email", "subject": "Sunday", "body": "Hi"}],
            "duplicates_removed": 0, "estimated_completion": null, "spans_days": null,
        });
        let expected = "1 messages: 1 would be sent, 0 would not\n\nm1 would read, by email:\n  | Sunday\n  |\n  | Hi\n\nnothing was sent\n";
        assert_eq!(text(&preview, Screen::plain(80)), expected);
    }
}
