//! Follows a bulk action until everybody is settled.

use std::{io::IsTerminal, time::Duration};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;

use crate::{
    api::{Api, ApiError},
    cli::output::{field, one_line, time},
};

/// How often the action is read. Its counts are refreshed every few seconds while somebody looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// A stack that is being restarted is waited for this many times.
const PATIENCE: u32 = 60;

/// Reads the action every second, shows how far it is, and answers it as it was when it had settled.
pub(in crate::cli) async fn until_settled(api: &Api, id: &str) -> Result<Json> {
    let display = Display::new();
    let mut silent = 0;
    loop {
        match api.get(&format!("/bulk-actions/{id}")).await {
            Ok(action) => {
                silent = 0;
                display.show(&action);
                if is_settled(&action) {
                    display.finish();
                    return Ok(action);
                }
            }
            Err(error @ ApiError::Unreachable { .. }) if silent < PATIENCE => {
                silent += 1;
                if silent == 1 {
                    display.note(&format!("{error}; trying again"));
                }
            }
            Err(ApiError::Refused { status, .. }) if status.is_server_error() && silent < PATIENCE => {
                silent += 1;
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Whether nothing about it changes any more, but for late receipts.
pub(crate) fn is_settled(action: &Json) -> bool {
    matches!(action["status"].as_str(), Some("completed" | "partial" | "failed" | "cancelled"))
}

/// A bar on a terminal, a line for each change elsewhere.
struct Display {
    bar: Option<ProgressBar>,
    last: std::cell::RefCell<String>,
}

impl Display {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:32} {pos}/{len}  {msg}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, last: std::cell::RefCell::default() }
    }

    fn show(&self, action: &Json) {
        let count = |name: &str| action[name].as_u64().unwrap_or_default();
        let settled = count("total").saturating_sub(count("pending_count"));
        let line = line(action);
        if let Some(bar) = &self.bar {
            bar.set_length(count("total"));
            bar.set_position(settled);
            bar.set_message(line);
            return;
        }
        let line = format!("{settled}/{}  {line}", count("total"));
        if *self.last.borrow() != line {
            eprintln!("{line}");
            self.last.replace(line);
        }
    }

    fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}

/// Status and counts that are not zero.
fn line(action: &Json) -> String {
    let mut line = field(action, "status");
    if line == "queued" && action["schedule_at"].is_string() {
        line.extend(["  leaves ", &time(action, "schedule_at"), " UTC"]);
    }
    for (name, field) in [
        ("sent", "sent_count"),
        ("delivered", "delivered_count"),
        ("read", "read_count"),
        ("failed", "failed_count"),
        ("skipped", "skipped_count"),
        ("unconfirmed", "unconfirmed_count"),
    ] {
        if let Some(count @ 1..) = action[field].as_u64() {
            line.extend(["  ", name, " ", &count.to_string()]);
        }
    }
    if let Some(reason) = action["paused"]["reason"].as_str() {
        line.extend(["  paused: ", &one_line(reason)]);
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_line_shows_status_and_what_is_not_zero() {
        let action = json!({
            "status": "delegated", "sent_count": 5, "delivered_count": 3, "read_count": 0, "failed_count": 1,
            "skipped_count": 0, "unconfirmed_count": 0, "paused": null,
        });
        assert_eq!(line(&action), "delegated  sent 5  delivered 3  failed 1");
        assert!(!is_settled(&action));
    }

    #[test]
    fn what_waits_for_its_time_says_for_which() {
        let action = json!({"status": "queued", "schedule_at": "2026-12-01T09:00:00Z", "total": 3});
        assert_eq!(line(&action), "queued  leaves 2026-12-01 09:00:00 UTC");
    }
}
