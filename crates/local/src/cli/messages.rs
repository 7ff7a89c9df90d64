//! How one row of the communication log reads, wherever it is listed.

use serde_json::Value as Json;

use super::output::field;

/// Which way it went.
pub(super) fn direction(message: &Json) -> &'static str {
    if message["direction"] == "inbound" { "in" } else { "out" }
}

/// The member; whoever is none is known by the address.
pub(super) fn who(message: &Json) -> String {
    if message["member_id"].is_null() { field(message, "address") } else { field(message, "member_id") }
}

/// What it says, line breaks and all; else what came with it, or why there is nothing.
pub(super) fn text_or_reason(message: &Json) -> String {
    let media = message["media"].as_array().map_or(0, Vec::len);
    let text = message["text"].as_str().unwrap_or_default().to_owned();
    match (text.is_empty(), media) {
        (false, 0) => text,
        (false, media) => format!("{text} [{media} attached]"),
        (true, 0) => match field(message, "failure_message") {
            reason if reason.is_empty() => reason,
            reason => format!("[{reason}]"),
        },
        (true, media) => format!("[{media} attached]"),
    }
}
