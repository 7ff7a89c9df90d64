//! `cancel`: calls off a send that has not started.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{
    args::parse_id,
    connection::Connection,
    output::{self, field},
};

#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The bulk action.
    #[arg(value_parser = parse_id)]
    id: String,
    #[command(flatten)]
    pub(super) connection: Connection,
}

pub(super) async fn run(cancel: &Cancel) -> Result<ExitCode> {
    let api = cancel.connection.api()?;
    let action = api.post(&format!("/bulk-actions/{}/cancel", cancel.id), &json!({})).await?;
    if cancel.connection.json {
        output::print_json(&action)?;
    } else {
        let (status, skipped) = (field(&action, "status"), field(&action, "skipped_count"));
        output::print(&format!(
            "bulk action {} is {status}; {skipped} messages will not be sent\n",
            cancel.id
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
