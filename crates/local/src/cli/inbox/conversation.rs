//! One conversation, as it went.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value as Json;

use super::{Inbox, list};
use crate::{
    api::Api,
    cli::{
        messages::{direction, text_or_reason},
        output::{self, Column, Screen, Table, field, time},
        pages::{List, fetch, say_more},
    },
};

pub(super) async fn run(api: &Api, inbox: &Inbox, id: &str) -> Result<ExitCode> {
    let messages = fetch(api, &List::new(format!("/conversations/{id}/messages")), inbox.limit).await?;
    if inbox.connection.json {
        output::print_json(&Json::Array(messages.items))?;
    } else {
        let conversation = api.get(&format!("/conversations/{id}")).await?;
        let hint = inbox.connection.command(&format!("inbox {id} --reply TEXT"));
        output::print(&text(&conversation, &messages.items, Screen::stdout()))?;
        eprintln!("\nanswer with: {hint}");
    }
    if messages.more {
        say_more();
    }
    Ok(ExitCode::SUCCESS)
}

/// Oldest first, as one reads.
fn text(conversation: &Json, messages: &[Json], screen: Screen) -> String {
    let mut head = format!("{} by {}", list::with(conversation), field(conversation, "channel"));
    if !conversation["member_id"].is_null() {
        head.extend([", ", &field(conversation, "address")]);
    }
    if let Some(unread @ 1..) = conversation["unread"].as_u64() {
        head.extend([", ", &unread.to_string(), " unread"]);
    }
    let mut table = Table::new([
        Column::Text("time (utc)"),
        Column::Text("way"),
        Column::Status("status"),
        Column::Whole("text"),
    ]);
    for message in messages.iter().rev() {
        // What came in has no way to go.
        let status = if direction(message) == "in" { String::new() } else { field(message, "status") };
        table.push([
            time(message, "created_at"),
            direction(message).to_owned(),
            status,
            text_or_reason(message),
        ]);
    }
    format!("{}\n\n{}", screen.heading(&head), table.text(screen))
}
