//! `manage-directory`: the organisation, its channels, templates and members, and who has opted out.

mod config;

use std::sync::Arc;

use usecases::manage_directory::{Directory, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::init();
    let config = config::Config::from_env()?;
    let aws = lambda::Aws::load().await;
    let keys = aws.secrets()?.keys().await?;
    let deps = &Directory { store: aws.store(config.tables, keys), clock: Arc::new(lambda::SystemClock) };
    lambda::run_http(|request| async move { handle(deps, &request).await }).await
}
