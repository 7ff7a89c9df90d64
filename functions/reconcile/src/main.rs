//! `reconcile`: counts, settles, asks Twilio about messages whose report never came, and drives what was lost again.

mod config;

use usecases::reconcile::{AskTwilio, Reconcile, run};

use config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (config, start) = lambda::start::<Config>().await?;
    let deps = &Reconcile {
        store: start.store,
        send_message: start.aws.queue(config.queue_send_message),
        dispatch: start.aws.dispatch_queues(config.dispatch_queues),
        secrets: start.secrets,
        ask: AskTwilio { http: channels::http_client()?, base_url: config.twilio_base_url },
        clock: start.clock,
    };
    lambda::run_schedule(|deadline| run(deps, deadline)).await
}
