//! `create-bulk-action`: accepts what is to be sent, in bulk or singly.

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
        dispatch: start.aws.dispatch_queues(config.dispatch_queues),
        clock: start.clock,
        ids: Arc::new(lambda::OsIds),
    };
    lambda::run_http(|request| async move { create_bulk_action(deps, &request).await }).await
}
