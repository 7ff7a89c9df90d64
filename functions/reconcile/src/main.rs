//! `reconcile`: counts, settles, and drives what was lost again.

mod config;

use std::sync::Arc;

use usecases::jobs::DispatchQueues;
use usecases::reconcile::{Reconcile, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::init();
    let config = config::Config::from_env()?;
    let aws = lambda::Aws::load().await;
    let keys = aws.secrets()?.keys().await?;
    let deps = &Reconcile {
        store: aws.store(config.tables, keys),
        send_message: aws.queue(config.queue_send_message),
        dispatch: DispatchQueues {
            whatsapp: aws.queue(config.queue_dispatch_whatsapp),
            sms: aws.queue(config.queue_dispatch_sms),
            email: aws.queue(config.queue_dispatch_email),
        },
        clock: Arc::new(lambda::SystemClock),
    };
    lambda::run_schedule(|deadline| run(deps, deadline)).await
}
