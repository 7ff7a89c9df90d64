//! All conversations.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value as Json;

use super::Inbox;
use crate::{
    api::Api,
    cli::{
        args::Channel,
        output::{Column, Screen, Table, field, time},
        pages::{List, fetch},
    },
};

pub(super) async fn run(api: &Api, inbox: &Inbox) -> Result<ExitCode> {
    let list = List::new("/conversations")
        .with("channel", inbox.channel.map(Channel::as_str))
        .with("unmatched", inbox.unmatched.then_some(true));
    fetch(api, &list, inbox.limit).await?.print(inbox.connection.json, text)?;
    Ok(ExitCode::SUCCESS)
}

fn text(conversations: &[Json], screen: Screen) -> String {
    if conversations.is_empty() {
        return "no conversations\n".to_owned();
    }
    let mut table = Table::new([
        Column::Text("id"),
        Column::Number("unread"),
        Column::Text("last (utc)"),
        Column::Text("channel"),
        Column::Text("who"),
        Column::Text("preview"),
    ]);
    for conversation in conversations {
        table.push([
            field(conversation, "id"),
            unread(conversation),
            time(conversation, "last_inbound_at"),
            field(conversation, "channel"),
            with(conversation),
            field(conversation, "preview"),
        ]);
    }
    table.text(screen)
}

fn unread(conversation: &Json) -> String {
    match conversation["unread"].as_u64() {
        Some(count @ 1..) => count.to_string(),
        _ => String::new(),
    }
}

/// The member; else the address, and the members who might be behind it.
pub(super) fn with(conversation: &Json) -> String {
    let (member, address) = (field(conversation, "member_id"), field(conversation, "address"));
    if !member.is_empty() {
        return member;
    }
    let candidates: Vec<&str> =
        conversation["candidates"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    match candidates.as_slice() {
        [] => format!("{address}, unmatched"),
        some => format!("{address}, one of {}", some.join(" ")),
    }
}
