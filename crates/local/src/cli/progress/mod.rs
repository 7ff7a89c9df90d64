//! Follows a bulk action to its end and says what became of it.

mod summary;
mod watch;

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value as Json;

use super::{
    connection::Connection,
    output::{self, Screen},
};
use crate::api::Api;

pub(crate) use self::watch::is_settled;
pub(super) use self::{summary::counts, watch::until_settled};

/// Watches an action until everybody is settled, prints how it ended, and answers the exit status that this means:
/// a failure unless it completed or, if not `strict`, failed only for reasons of its recipients' own.
pub(super) async fn follow(api: &Api, connection: &Connection, id: &str, strict: bool) -> Result<ExitCode> {
    let action: Json = until_settled(api, id).await?;
    let failures = summary::failures(api, id).await?;
    if connection.json {
        output::print_json(&action)?;
    } else {
        output::print(&summary::text(&action, &failures, Screen::stdout()))?;
    }
    Ok(if summary::is_good(&action, &failures, strict) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
