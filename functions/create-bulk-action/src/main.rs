//! `create-bulk-action`: accepts a send.

mod config;

use std::sync::Arc;

use usecases::create_bulk_action::{CreateBulkActions, create_bulk_action};

use config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (config, start) = lambda::start::<Config>().await?;
    let deps = &CreateBulkActions {
        store: start.store,
        queue: start.aws.queue(config.queue_send_message),
        clock: start.clock,
        ids: Arc::new(lambda::OsIds),
    };
    lambda::run_http(|request| async move { create_bulk_action(deps, &request).await }).await
}
