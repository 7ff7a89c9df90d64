//! `message`: one message with its history, which says why it went as it did.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::Value as Json;

use super::{
    args::parse_id,
    connection::Connection,
    messages::{direction, who},
    output::{self, Screen, facts, field, lines, time},
};

#[derive(Debug, Args)]
pub(super) struct Message {
    /// The message.
    #[arg(value_parser = parse_id)]
    id: String,
    #[command(flatten)]
    pub(super) connection: Connection,
}

pub(super) async fn run(message: &Message) -> Result<ExitCode> {
    let api = message.connection.api()?;
    let path = format!("/messages/{}", message.id);
    let found = api.get(&path).await?;
    ensure!(found["history"].is_array(), "the answer to GET {path} is no message with a history");
    if message.connection.json {
        output::print_json(&found)?;
    } else {
        output::print(&text(&found, Screen::stdout()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(message: &Json, screen: Screen) -> String {
    let mut out = format!("{}  {}\n", field(message, "id"), screen.status(&field(message, "status")));
    let to_or_from = if direction(message) == "in" { "from" } else { "to" };
    out.push_str(&facts(&[
        (to_or_from, format!("{} {}", who(message), address(message)).trim_end().to_owned()),
        ("channel", field(message, "channel")),
        ("send", field(message, "bulk_action_id")),
        ("reason", field(message, "failure_message")),
        ("provider id", field(message, "provider_message_id")),
        ("answers", field(message, "in_reply_to")),
    ]));
    if let Some(text) = message["text"].as_str() {
        out.push('\n');
        out.extend(lines(text).iter().map(|line| format!("  | {line}\n")));
    }
    out.push('\n');
    out.push_str(HEADINGS);
    // Whole sentences: what explains is not cut off at the edge of the screen.
    for entry in message["history"].as_array().into_iter().flatten() {
        let status = field(entry, "status");
        let gap = " ".repeat(STATUS.saturating_sub(status.len()));
        let line =
            format!("{}  {}{gap}  {}", time(entry, "at"), screen.status(&status), field(entry, "detail"));
        out.extend([line.trim_end(), "\n"]);
    }
    out
}

/// Above times, statuses and what happened.
const HEADINGS: &str = "TIME (UTC)           STATUS       WHAT HAPPENED\n";
/// The width of the longest status.
const STATUS: usize = "unconfirmed".len();

/// The address, where the member is named by something else.
fn address(message: &Json) -> String {
    let named = !message["member_id"].is_null() && !message["address"].is_null();
    if named { format!("({})", field(message, "address")) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_shows_what_it_said_and_all_that_happened_to_it() {
        let message = json!({
            "id": "msg_1", "direction": "outbound", "status": "unconfirmed", "member_id": "m1", "address": "+6421123477",
            "channel": "sms", "bulk_action_id": "ba_1", "failure_message": null, "provider_message_id": "SM1",
            "in_reply_to": null, "text": "Hi Ana,\nservice is at 10\u{1b}[2J",
            "history": [
                {"status": "queued", "at": "2026-12-01T09:00:00.000Z", "detail": "Selected by ana, as one of 25 named"},
                {"status": "unconfirmed", "at": "2026-12-02T09:00:00.000Z", "detail": null},
            ],
        });
        let expected = "\
msg_1  unconfirmed
  to           m1 (+6421123477)
  channel      sms
  send         ba_1
  provider id  SM1

  | Hi Ana,
  | service is at 10 [2J

TIME (UTC)           STATUS       WHAT HAPPENED
2026-12-01 09:00:00  queued       Selected by ana, as one of 25 named
2026-12-02 09:00:00  unconfirmed
";
        assert_eq!(text(&message, Screen::plain(40)), expected);
    }

    #[test]
    fn what_a_stranger_wrote_is_from_their_address() {
        let message = json!({
            "id": "msg_1", "direction": "inbound", "status": "delivered", "member_id": null, "address": "+6421123477",
            "history": [],
        });
        assert!(text(&message, Screen::plain(80)).contains("  from         +6421123477\n"));
    }
}
