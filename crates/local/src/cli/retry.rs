//! `retry`: sends again to those whom a send did not reach.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{
    args::parse_id,
    connection::Connection,
    id_of,
    output::{self, facts, field},
    progress,
};
use crate::clock;

#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The bulk action.
    #[arg(value_parser = parse_id)]
    id: String,
    /// Whom to send to again; the unconfirmed may have got the first message.
    #[arg(long, value_parser = ["failed", "unconfirmed", "all"], default_value = "failed")]
    scope: String,
    /// Follow the new action until everybody is settled.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

pub(super) async fn run(retry: &Retry) -> Result<ExitCode> {
    let connection = &retry.connection;
    let api = connection.api()?;
    let path = format!("/bulk-actions/{}/retry", retry.id);
    let created = api.post_once(&path, &json!({"scope": retry.scope}), &clock::request_id()).await?;
    let id = id_of(&created, "the retry")?;
    if retry.wait {
        eprintln!("bulk action {id} retries {}", retry.id);
        return progress::follow(&api, connection, id, false).await;
    }
    if connection.json {
        output::print_json(&created)?;
    } else {
        let rest = [
            ("messages", field(&created, "total")),
            ("follow it", connection.command(&format!("status {id} --watch"))),
        ];
        output::print(&format!("bulk action {id} retries {}\n{}", retry.id, facts(&rest)))?;
    }
    Ok(ExitCode::SUCCESS)
}
