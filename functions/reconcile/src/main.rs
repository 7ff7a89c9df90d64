//! `reconcile`: counts, settles, and drives what was lost again.

mod config;

use usecases::reconcile::{Reconcile, run};

use config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (config, start) = lambda::start::<Config>().await?;
    let deps = &Reconcile {
        store: start.store,
        send_message: start.aws.queue(config.queue_send_message),
        dispatch: start.aws.dispatch_queues(config.dispatch_queues),
        clock: start.clock,
    };
    lambda::run_schedule(|deadline| run(deps, deadline)).await
}
