//! `apply-receipt`: moves messages by what providers report.

mod config;

use std::sync::Arc;

use usecases::Notes;
use usecases::apply_receipt::{ApplyReceipt, apply_receipt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::init();
    let config = config::Config::from_env()?;
    let aws = lambda::Aws::load().await;
    let keys = aws.secrets()?.keys().await?;
    let deps = &ApplyReceipt {
        store: aws.store([config.table_directory, config.table_bulk_actions, config.table_message_logs], keys),
        clock: Arc::new(lambda::SystemClock),
        notes: Notes::default(),
    };
    lambda::run_sqs_together(|jobs| apply_receipt(deps, jobs)).await
}
