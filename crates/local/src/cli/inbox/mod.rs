//! `inbox`: what members write, and answers to them.

mod conversation;
mod list;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::{
    args::{Channel, parse_id},
    connection::Connection,
    output::{self, field},
};
use crate::{api::Api, clock};

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("act").args(["reply", "read", "assign"]).requires("id")))]
#[command(group(clap::ArgGroup::new("filter").args(["unmatched", "channel"]).multiple(true).conflicts_with("id")))]
pub(super) struct Inbox {
    /// The conversation to show; without one, all are listed.
    #[arg(value_parser = parse_id)]
    id: Option<String>,
    /// Only conversations that belong to no member yet.
    #[arg(long)]
    unmatched: bool,
    /// Only conversations of this channel.
    #[arg(long, value_enum)]
    channel: Option<Channel>,
    /// How many conversations or messages at most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Answer in this conversation.
    #[arg(long, value_name = "TEXT")]
    reply: Option<String>,
    /// Mark it as read.
    #[arg(long)]
    read: bool,
    /// Say which member it is with.
    #[arg(long, value_name = "MEMBER", value_parser = parse_id)]
    assign: Option<String>,
    #[command(flatten)]
    pub(super) connection: Connection,
}

pub(super) async fn run(inbox: &Inbox) -> Result<ExitCode> {
    let api = inbox.connection.api()?;
    let Some(id) = &inbox.id else { return list::run(&api, inbox).await };
    if let Some(text) = &inbox.reply {
        return reply(&api, inbox, id, text).await;
    }
    if let Some(member) = &inbox.assign {
        return assign(&api, inbox, id, member).await;
    }
    if inbox.read {
        return mark_read(&api, inbox, id).await;
    }
    conversation::run(&api, inbox, id).await
}

/// A reply to somebody who cannot be reached is accepted like any message, and has failed.
async fn reply(api: &Api, inbox: &Inbox, id: &str, text: &str) -> Result<ExitCode> {
    let path = format!("/conversations/{id}/messages");
    let message = api.post_once(&path, &json!({"body": text}), &clock::request_id()).await?;
    let (status, reason) = (field(&message, "status"), field(&message, "failure_message"));
    if inbox.connection.json {
        output::print_json(&message)?;
    } else if reason.is_empty() {
        let (reply, to) = (field(&message, "id"), field(&message, "address"));
        output::print(&format!("reply {reply} to {to} is {status}\n"))?;
    }
    match status.as_str() {
        "failed" | "skipped" if !inbox.connection.json => bail!("the reply is {status}: {reason}"),
        "failed" | "skipped" => Ok(ExitCode::FAILURE),
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn assign(api: &Api, inbox: &Inbox, id: &str, member: &str) -> Result<ExitCode> {
    let conversation =
        api.post(&format!("/conversations/{id}/assign"), &json!({"member_id": member})).await?;
    if inbox.connection.json {
        output::print_json(&conversation)?;
    } else {
        output::print(&format!("conversation {id} is with {member}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn mark_read(api: &Api, inbox: &Inbox, id: &str) -> Result<ExitCode> {
    let nothing = api.post(&format!("/conversations/{id}/read"), &json!({})).await?;
    if inbox.connection.json {
        output::print_json(&nothing)?;
    } else {
        output::print(&format!("conversation {id} is read\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
