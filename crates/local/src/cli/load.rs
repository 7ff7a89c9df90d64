//! `load`: the load harness.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Args;

use super::{args::Channel, up::Signals};
use crate::load;

#[derive(Debug, Args)]
pub(super) struct Load {
    /// Recipients of the send that is measured.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    recipients: u32,
    /// Its channel.
    #[arg(long, value_enum)]
    channel: Channel,
    /// What each call of a provider takes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Write the JSON object to this file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure the send alone: no floor and none of the budgets that need more than it.
    #[arg(long)]
    send_only: bool,
    /// Keep the data in this folder, which has to be new or empty, and leave it there.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) async fn run(load: &Load) -> Result<ExitCode> {
    if cfg!(debug_assertions) {
        eprintln!("warning: this is a debug build; `cargo run --release -- load ...` measures what counts");
    }
    let options = load::Options {
        recipients: usize::try_from(load.recipients)?,
        channel: load.channel.as_str(),
        latency: Duration::from_millis(load.latency_ms),
        send_only: load.send_only,
        data: load.data.clone(),
    };
    let mut stop = Signals::new()?;
    let (table, json, holds) = load::run(&options, stop.next()).await?;
    let json = serde_json::to_string_pretty(&json)?;
    eprintln!("\n{table}\n");
    println!("{json}");
    if let Some(file) = &load.json {
        std::fs::write(file, format!("{json}\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
