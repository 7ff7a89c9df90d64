//! `send`: a bulk send through the HTTP API of the running stack, watched to its end.

mod preview;
mod request;

use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgAction, Args, ValueEnum};
use serde_json::Value as Json;

use super::{
    args::{Channel, parse_id, parse_parameter, parse_time},
    connection::Connection,
    id_of,
    output::{self, Screen, facts, field, time, until},
    progress,
};
use crate::clock;

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("text").required(true).multiple(true).args(["body", "template"])))]
#[command(group(clap::ArgGroup::new("recipients").required(true).multiple(true).args(["all", "to", "unit", "q"])))]
pub(super) struct Send {
    /// How to send; several are separated by commas, or named one by one.
    #[arg(long = "channel", value_enum, value_delimiter = ',', required = true, action = ArgAction::Append)]
    channels: Vec<Channel>,
    /// With several channels: on all of them, or on the first of them that reaches the member.
    #[arg(long, value_enum)]
    routing: Option<Routing>,
    /// The text; it may hold variables such as `{{member.first_names}}`.
    #[arg(long)]
    body: Option<String>,
    /// A template's id instead of a text; beside a text, it is what goes out on WhatsApp.
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    template: Option<String>,
    /// A value for a parameter of the template; once for each.
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parse_parameter, requires = "template")]
    parameters: Vec<(String, String)>,
    /// The subject of an email.
    #[arg(long)]
    subject: Option<String>,
    /// To every member.
    #[arg(long, conflicts_with_all = ["to", "unit", "q"])]
    all: bool,
    /// To these members, by id.
    #[arg(long, value_name = "ID,ID", value_delimiter = ',', value_parser = parse_id, conflicts_with_all = ["unit", "q"])]
    to: Vec<String>,
    /// To the members of this unit.
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    unit: Option<String>,
    /// To the members in whose names, email or phones this text stands.
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    /// When it leaves, as in 2026-12-01T09:00:00Z, or +30m from now; by default at once.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<String>,
    /// What has not left by then is not sent any more.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: Option<String>,
    /// One message for all members with the same phone or email.
    #[arg(long, value_enum, value_name = "BY", num_args = 0..=1, default_missing_value = "address")]
    dedupe: Option<Dedupe>,
    /// Show whom it would reach and how it would read; nothing is sent.
    #[arg(long)]
    preview: bool,
    /// Exit with 1 unless everything was delivered, whatever the reason.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Routing {
    All,
    FirstReachable,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dedupe {
    None,
    Address,
}

pub(super) async fn run(send: &Send) -> Result<ExitCode> {
    let request = request::body(send)?;
    let api = send.connection.api()?;
    if send.preview {
        let preview = api.post("/bulk-actions/preview", &request).await?;
        if send.connection.json {
            output::print_json(&preview)?;
        } else {
            output::print(&preview::text(&preview, Screen::stdout()))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let created = api.post_once("/bulk-actions", &request, &clock::request_id()).await?;
    let id = id_of(&created, "POST /bulk-actions")?;
    if send.at.is_none() {
        eprintln!("bulk action {id}");
        return progress::follow(&api, &send.connection, id, send.strict).await;
    }
    if send.connection.json {
        output::print_json(&created)?;
    } else {
        output::print(&scheduled(&send.connection, &created, id))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What there is to know of a send that waits for its time.
fn scheduled(connection: &Connection, action: &Json, id: &str) -> String {
    let utc = |name: &str| match time(action, name) {
        at if at.is_empty() => at,
        at => format!("{at} UTC"),
    };
    let ahead = until(action, "schedule_at", clock::now()).map(|ahead| format!(", {ahead}"));
    let rest = [
        ("leaves", utc("schedule_at") + &ahead.unwrap_or_default()),
        ("expires", utc("expires_at")),
        ("messages", field(action, "total")),
        ("follow it", connection.command(&format!("status {id} --watch"))),
        ("cancel it", connection.command(&format!("cancel {id}"))),
    ];
    format!("bulk action {id}\n{}", facts(&rest))
}
