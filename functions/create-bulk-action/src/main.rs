//! `create-bulk-action`: accepts a send.

mod config;

use std::sync::Arc;

use usecases::create_bulk_action::{CreateBulkActions, create_bulk_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::init();
    let config = config::Config::from_env()?;
    let aws = lambda::Aws::load().await;
    let keys = aws.secrets()?.keys().await?;
    let deps = &CreateBulkActions {
        store: aws.store(config.tables, keys),
        queue: aws.queue(config.queue_send_message),
        clock: Arc::new(lambda::SystemClock),
        ids: Arc::new(lambda::OsIds),
    };
    lambda::run_http(|request| async move { create_bulk_action(deps, &request).await }).await
}
