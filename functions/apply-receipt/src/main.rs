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
        store: aws.store(config.tables, keys),
        clock: Arc::new(lambda::SystemClock),
        notes: Notes::default(),
    };
    lambda::run_sqs_together(|jobs| Box::pin(apply_receipt(deps, jobs))).await
}
