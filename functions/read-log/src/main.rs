//! `read-log`: what callers read of sends.

mod config;

use usecases::read_log::{ReadLog, read_log};

use config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (Config {}, start) = lambda::start().await?;
    let deps = &ReadLog { store: start.store, clock: start.clock };
    lambda::run_http(|request| async move { read_log(deps, &request).await }).await
}
