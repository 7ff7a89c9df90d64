//! `read-log`: what callers read of sends.

mod config;

use std::sync::Arc;

use usecases::read_log::{ReadLog, read_log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::init();
    let config = config::Config::from_env()?;
    let aws = lambda::Aws::load().await;
    let keys = aws.secrets()?.keys().await?;
    let deps = &ReadLog { store: aws.store(config.tables, keys), clock: Arc::new(lambda::SystemClock) };
    lambda::run_http(|request| async move { read_log(deps, &request).await }).await
}
