//! `up`: starts the stack and keeps it until Ctrl-C.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{DEFAULT_PORT, Data};
use crate::{Binaries, Stack, StackOptions, build_functions::workspace, seed};

#[derive(Debug, Args)]
pub(super) struct Up {
    /// The port of the HTTP API on 127.0.0.1.
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    #[command(flatten)]
    data: Data,
    /// Put no demo organisation into an empty data folder.
    #[arg(long)]
    empty: bool,
    /// Use the DynamoDB and SQS at this address instead of the embedded engine.
    #[arg(long, value_name = "URL")]
    engine: Option<String>,
    /// Do not build the functions; they are there.
    #[arg(long)]
    no_build: bool,
    /// Run this template instead of the workspace's own.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Take the function binaries from this folder; nothing is built.
    #[arg(long, value_name = "DIR", conflicts_with = "no_build")]
    binaries: Option<PathBuf>,
}

impl Up {
    fn options(&self) -> StackOptions {
        let binaries = match &self.binaries {
            Some(folder) => Binaries::In(folder.clone()),
            None if self.no_build => Binaries::Present,
            None => Binaries::Build,
        };
        StackOptions {
            port: self.port,
            data: self.data.data.clone(),
            engine: self.engine.clone(),
            template: self.template.clone().unwrap_or_else(|| workspace().join("template.yaml")),
            binaries,
            seed: !self.empty,
            watch: None,
        }
    }
}

pub(super) async fn run(up: Up) -> Result<ExitCode> {
    let mut stop = Signals::new()?;
    let stack = tokio::select! {
        stack = Stack::start(up.options()) => stack?,
        () = stop.next() => return Ok(ExitCode::SUCCESS),
    };
    greet(&stack, &up);
    stop.next().await;
    eprintln!("stopping; Ctrl-C again to stop at once");
    tokio::select! {
        () = stack.stop() => {}
        () = stop.next() => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn greet(stack: &Stack, up: &Up) {
    let data = up.data.data.display();
    let on_data = if up.data.is_default() { String::new() } else { format!(" --data {data}") };
    let on_port = if up.port == DEFAULT_PORT { String::new() } else { format!(" --port {}", up.port) };
    eprintln!("  data       {data}; what the functions say is in {data}/logs");
    if stack.is_demo() {
        let body = "Hi {{member.first_names}}, service is at 10:00";
        eprintln!("  demo       organisation `demo`, three channels, {} members", seed::member_count());
        eprintln!("  try        cargo run -- send --channel sms --body \"{body}\" --all{on_port}{on_data}");
    }
    eprintln!(
        "  token      cargo run -- token --org demo --permissions members.view,messaging.view{on_data}"
    );
    eprintln!("  providers  {}/sim/messages shows what the simulated providers accepted", stack.base_url());
    println!("ready {}", stack.base_url());
    // Whoever waits for the line behind a pipe must see it now.
    if let Err(error) = std::io::stdout().flush() {
        tracing::debug!(%error, "standard output is closed");
    }
}

/// Ctrl-C and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
