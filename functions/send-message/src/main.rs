//! `send-message`: writes the rows of a send and makes parcels of them.

mod config;

use usecases::send_message::{SendMessage, send_message};

use config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (config, start) = lambda::start::<Config>().await?;
    let deps = &SendMessage {
        store: start.store,
        queue: start.aws.queue(config.queue_send_message),
        dispatch: start.aws.dispatch_queues(config.dispatch_queues),
        clock: start.clock,
    };
    lambda::run_sqs(|job, _deadline| send_message(deps, job)).await
}
