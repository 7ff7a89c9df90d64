//! `status`: one bulk action.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::Value as Json;

use super::{
    args::parse_id,
    connection::Connection,
    output::{self, Column, Screen, Table, facts, field, later_by, one_line, time, until},
    progress,
};
use crate::clock;

#[derive(Debug, Args)]
pub(super) struct Status {
    /// The bulk action.
    #[arg(value_parser = parse_id)]
    id: String,
    /// Follow it until everybody is settled.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

pub(super) async fn run(status: &Status) -> Result<ExitCode> {
    let api = status.connection.api()?;
    let path = format!("/bulk-actions/{}", status.id);
    let action =
        if status.watch { progress::until_settled(&api, &status.id).await? } else { api.get(&path).await? };
    ensure!(action["status"].is_string(), "the answer to GET {path} is no bulk action");
    if status.connection.json {
        output::print_json(&action)?;
    } else {
        output::print(&text(&action, Screen::stdout()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(action: &Json, screen: Screen) -> String {
    let mut out = format!("{}  {}\n", field(action, "id"), screen.status(&field(action, "status")));
    out.push_str(&facts(&[
        ("paused", paused(action)),
        ("reason", field(action, "failure_reason")),
        ("leaves", leaves(action)),
        ("done by", done(action)),
        ("sent", left(action)),
        ("expires", expires(action)),
        ("channels", channels(action)),
        ("retry of", field(action, "retry_of")),
    ]));
    out.push('\n');
    out.push_str(&progress::counts(action));
    out.push_str(&facts(&[(
        "pending",
        format!("{:>7}", action["pending_count"].as_u64().unwrap_or_default()),
    )]));
    let mut history = Table::new([Column::Text("time (utc)"), Column::Status("status"), Column::Text("by")]);
    for step in action["history"].as_array().into_iter().flatten() {
        history.push([time(step, "at"), field(step, "status"), field(step, "by")]);
    }
    let history = history.text_if_any(screen);
    if !history.is_empty() {
        out.extend(["\n", &history]);
    }
    out
}

fn paused(action: &Json) -> String {
    let paused = &action["paused"];
    if paused.is_null() {
        String::new()
    } else {
        format!("{}: {}", field(paused, "channel"), field(paused, "reason"))
    }
}

fn leaves(action: &Json) -> String {
    let waits = action["status"] == "queued" && action["schedule_at"].is_string();
    if waits { at(action, "schedule_at") } else { String::new() }
}

fn done(action: &Json) -> String {
    if progress::is_settled(action) || action["estimated_completion"].is_null() {
        return String::new();
    }
    match action["spans_days"].as_u64() {
        Some(days @ 2..) => format!("{}, over {days} days", at(action, "estimated_completion")),
        _ => at(action, "estimated_completion"),
    }
}

/// When the last message left of a send that is through, and how good its estimate was.
fn left(action: &Json) -> String {
    if !progress::is_settled(action) || action["last_sent_at"].is_null() {
        return String::new();
    }
    let left = format!("last message left at {} UTC", time(action, "last_sent_at"));
    match later_by(action, "last_sent_at", "estimated_completion") {
        Some(seconds @ 0..) => format!("{left}, {seconds} s later than estimated"),
        Some(seconds) => format!("{left}, {} s earlier than estimated", -seconds),
        None => left,
    }
}

fn expires(action: &Json) -> String {
    let open = !progress::is_settled(action) && action["expires_at"].is_string();
    if open { at(action, "expires_at") } else { String::new() }
}

fn at(action: &Json, name: &str) -> String {
    let ahead = until(action, name, clock::now()).map(|ahead| format!(", {ahead}"));
    format!("{} UTC{}", time(action, name), ahead.unwrap_or_default())
}

fn channels(action: &Json) -> String {
    let messages = action["messages"].as_array().into_iter().flatten();
    let mut text = messages.map(|message| field(message, "channel")).collect::<Vec<_>>().join(", ");
    if action["routing"] == "first_reachable" {
        text.push_str(", the first that reaches");
    }
    if action["dedupe"] == "address" {
        text.push_str("; one message for each address");
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_send_on_its_way_shows_what_it_waits_for() {
        let action = json!({
            "id": "ba_1", "status": "delegated", "messages": [{"channel": "whatsapp"}, {"channel": "sms"}],
            "routing": "first_reachable", "dedupe": "address", "retry_of": "ba_0", "schedule_at": "2020-01-01T00:00:00Z",
            "expires_at": "2020-01-02T00:00:00Z", "estimated_completion": "2020-01-01T00:10:00Z", "spans_days": 2,
            "paused": {"channel": "sms", "reason": "Twilio refuses the credentials"}, "failure_reason": null,
            "total": 10, "success_count": 4, "read_count": 1, "failed_count": 2, "skipped_count": 1,
            "unconfirmed_count": 0, "pending_count": 3,
            "history": [
                {"status": "queued", "at": "2020-01-01T00:00:00.000Z", "by": "ana"},
                {"status": "delegated", "at": "2020-01-01T00:00:02.000Z", "by": "send-message"},
            ],
        });
        let expected = "\
ba_1  delegated
  paused       sms: Twilio refuses the credentials
  done by      2020-01-01 00:10:00 UTC, over 2 days
  expires      2020-01-02 00:00:00 UTC
  channels     whatsapp, sms, the first that reaches; one message for each address
  retry of     ba_0

  total             10
  landed             4
  read               1
  failed             2
  skipped            1
  unconfirmed        0
  pending            3

TIME (UTC)           STATUS     BY
2020-01-01 00:00:00  queued     ana
2020-01-01 00:00:02  delegated  send-message
";
        assert_eq!(text(&action, Screen::plain(100)), expected);
    }

    #[test]
    fn a_send_that_is_through_says_how_good_its_estimate_was() {
        let shown = |last: &str| {
            let action = json!({
                "id": "ba_1", "status": "completed", "estimated_completion": "2020-01-01T00:10:00.000Z", "last_sent_at": last,
            });
            text(&action, Screen::plain(100))
        };
        let later = shown("2020-01-01T00:10:12.400Z");
        assert!(
            later.contains("last message left at 2020-01-01 00:10:12 UTC, 12 s later than estimated"),
            "{later}"
        );
        assert!(shown("2020-01-01T00:09:30Z").contains(", 30 s earlier than estimated"));
    }

    #[test]
    fn a_send_that_waits_for_its_time_says_when_it_leaves() {
        let action = json!({"id": "ba_1", "status": "queued", "schedule_at": "2999-01-01T00:00:00Z"});
        assert!(text(&action, Screen::plain(80)).contains("  leaves       2999-01-01 00:00:00 UTC, in "));
        let gone = json!({"id": "ba_1", "status": "completed", "schedule_at": "2020-01-01T00:00:00Z"});
        assert!(!text(&gone, Screen::plain(80)).contains("leaves"));
    }
}
