//! Values of the API as text for people.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

/// A field's value as one line; empty for `null`.
pub(in crate::cli) fn field(object: &Json, name: &str) -> String {
    match &object[name] {
        Json::Null => String::new(),
        Json::String(text) => one_line(text),
        other => other.to_string(),
    }
}

/// A time as `2026-12-01 09:00:00`, in UTC like all times of the API; empty for `null`.
pub(in crate::cli) fn time(object: &Json, name: &str) -> String {
    match parsed(object, name) {
        Some(time) => time.format("%Y-%m-%d %H:%M:%S").to_string(),
        None => field(object, name),
    }
}

/// How far ahead a time is, as in `in 20 min`; `None` if it is past.
pub(in crate::cli) fn until(object: &Json, name: &str, now: DateTime<Utc>) -> Option<String> {
    let seconds = (parsed(object, name)? - now).num_seconds();
    match seconds {
        ..=0 => None,
        1..120 => Some(format!("in {seconds} s")),
        120..7_200 => Some(format!("in {} min", seconds / 60)),
        7_200..172_800 => Some(format!("in {} h", seconds / 3_600)),
        _ => Some(format!("in {} days", seconds / 86_400)),
    }
}

/// By how many whole seconds one time is later than another; `None` unless both are there.
pub(in crate::cli) fn later_by(object: &Json, one: &str, other: &str) -> Option<i64> {
    Some((parsed(object, one)? - parsed(object, other)?).num_seconds())
}

fn parsed(object: &Json, name: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(object[name].as_str()?).ok().map(|time| time.to_utc())
}

/// Text on one line, without anything that a terminal would act on: members and strangers write what is shown.
pub(in crate::cli) fn one_line(text: &str) -> String {
    let harmless: String = text.chars().filter_map(harmless).collect();
    harmless.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text on lines of its own, harmless like [`one_line`].
pub(in crate::cli) fn lines(text: &str) -> Vec<String> {
    text.trim().lines().map(one_line).collect()
}

fn harmless(letter: char) -> Option<char> {
    match letter {
        // They turn the order of letters round, up to the end of the line.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        letter if letter.is_control() => Some(' '),
        letter => Some(letter),
    }
}

/// Names and values in two columns; what is empty is left out.
pub(in crate::cli) fn facts(facts: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        out.extend([&format!("  {name:<12} "), value.as_str(), "\n"]);
    }
    out
}

/// A line for a reason code: how many there are, and what it means where that is known.
pub(in crate::cli) fn code_count(code: &str, count: u64, sentence: &str) -> String {
    let line = format!("    {:<22} {count:>5}  {sentence}", one_line(code));
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_in_a_text_reaches_the_terminal_but_letters() {
        assert_eq!(one_line("a\u{1b}[2J\r\nb\tc\u{7}  d"), "a [2J b c d");
        assert_eq!(one_line("ab\u{202e}cd\u{2069}"), "abcd");
        assert_eq!(lines("one\n\n  two\u{1b}\n"), ["one", "", "two"]);
    }

    #[test]
    fn times_are_shown_in_utc_and_as_a_distance() {
        let at = json!({"at": "2026-12-01T22:00:00.123+13:00", "never": null});
        assert_eq!(time(&at, "at"), "2026-12-01 09:00:00");
        assert_eq!(time(&at, "never"), "");
        let before = |seconds| parsed(&at, "at").unwrap() - chrono::TimeDelta::seconds(seconds);
        assert_eq!(until(&at, "at", before(90)).as_deref(), Some("in 90 s"));
        assert_eq!(until(&at, "at", before(1_800)).as_deref(), Some("in 30 min"));
        assert_eq!(until(&at, "at", before(10_000)).as_deref(), Some("in 2 h"));
        assert_eq!(until(&at, "at", before(864_000)).as_deref(), Some("in 10 days"));
        assert_eq!(until(&at, "at", before(-1)), None);
    }
}
