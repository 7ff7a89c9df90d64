//! `dispatch-sms`: hands SMS to Twilio.

mod config;

use std::sync::Arc;

use usecases::Notes;
use usecases::dispatch::{Dispatch, Sms, dispatch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::init();
    let config = config::Config::from_env()?;
    let aws = lambda::Aws::load().await;
    let secrets = aws.secrets()?;
    let keys = secrets.keys().await?;
    let connect = Sms {
        http: channels::http_client()?,
        base_url: config.twilio_base_url,
        public_base_url: config.public_base_url,
    };
    let deps = &Dispatch {
        store: aws.store(config.tables, keys),
        queue: aws.queue(config.queue_dispatch_sms),
        secrets,
        clock: Arc::new(lambda::SystemClock),
        ids: Arc::new(lambda::OsIds),
        notes: Notes::default(),
        connect,
    };
    lambda::run_sqs(|job, deadline| dispatch(deps, job, deadline)).await
}
