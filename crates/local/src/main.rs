//! `cargo run`: Tidings on this machine.

use std::process::ExitCode;

use clap::Parser;
use local::cli::Cli;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// What the stack does itself is to pass things on: one thread does that with fewer hand-overs than several.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> ExitCode {
    // The engine's library warns of each refused call, such as the look for a table that is not there yet.
    let quiet = || EnvFilter::new("warn,local=info,dynoxide=error");
    let filter = EnvFilter::try_from_env("TIDINGS_LOG").unwrap_or_else(|_| quiet());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .init();
    match Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
