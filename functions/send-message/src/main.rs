//! `send-message`: writes the rows of a send and makes parcels of them.

mod config;

use std::sync::Arc;

use usecases::jobs::DispatchQueues;
use usecases::send_message::{SendMessage, send_message};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::init();
    let config = config::Config::from_env()?;
    let aws = lambda::Aws::load().await;
    let keys = aws.secrets()?.keys().await?;
    let deps = &SendMessage {
        store: aws.store(config.tables, keys),
        queue: aws.queue(config.queue_send_message),
        dispatch: DispatchQueues {
            whatsapp: aws.queue(config.queue_dispatch_whatsapp),
            sms: aws.queue(config.queue_dispatch_sms),
            email: aws.queue(config.queue_dispatch_email),
        },
        clock: Arc::new(lambda::SystemClock),
    };
    lambda::run_sqs(|job, _deadline| send_message(deps, job)).await
}
