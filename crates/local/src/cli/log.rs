//! `log`: the communication log, newest first.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::Value as Json;

use super::{
    args::{Channel, parse_id},
    connection::Connection,
    messages::{direction, text_or_reason, who},
    output::{Column, Screen, Table, field, time},
    pages::{List, fetch},
};

const STATUSES: [&str; 8] =
    ["queued", "sending", "sent", "unconfirmed", "failed", "delivered", "read", "skipped"];

#[derive(Debug, Args)]
pub(super) struct Log {
    /// Only messages to and from this member.
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    member: Option<String>,
    /// Only messages of this bulk action.
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    action: Option<String>,
    /// Only messages of this channel.
    #[arg(long, value_enum)]
    channel: Option<Channel>,
    /// Only messages with this status.
    #[arg(long, value_parser = STATUSES)]
    status: Option<String>,
    /// Only what went out, or what came in.
    #[arg(long, value_parser = ["outbound", "inbound"])]
    direction: Option<String>,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    pub(super) connection: Connection,
}

pub(super) async fn run(log: &Log) -> Result<ExitCode> {
    let api = log.connection.api()?;
    let list = List::new("/messages")
        .with("member_id", log.member.as_deref())
        .with("bulk_action_id", log.action.as_deref())
        .with("channel", log.channel.map(Channel::as_str))
        .with("status", log.status.as_deref())
        .with("direction", log.direction.as_deref());
    fetch(&api, &list, log.limit).await?.print(log.connection.json, text)?;
    Ok(ExitCode::SUCCESS)
}

fn text(messages: &[Json], screen: Screen) -> String {
    if messages.is_empty() {
        return "no messages\n".to_owned();
    }
    let mut table = Table::new([
        Column::Text("time (utc)"),
        Column::Text("way"),
        Column::Text("channel"),
        Column::Status("status"),
        Column::Text("member"),
        Column::Text("text"),
    ]);
    for message in messages {
        table.push([
            time(message, "created_at"),
            direction(message).to_owned(),
            field(message, "channel"),
            field(message, "status"),
            who(message),
            text_or_reason(message),
        ]);
    }
    table.text(screen)
}
