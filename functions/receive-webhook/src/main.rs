//! `receive-webhook`: verifies what providers call, queues it and answers.

mod config;

use std::sync::Arc;

use channels::ses::CertificateCache;
use usecases::receive_webhook::{Known, ReceiveWebhook, receive_webhook};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::init();
    let config = config::Config::from_env()?;
    let aws = lambda::Aws::load().await;
    let secrets = aws.secrets()?;
    let keys = secrets.keys().await?;
    let http = channels::http_client()?;
    // The local stack's SNS twin; template.yaml never sets it, so in AWS only Amazon's hosts are believed.
    let local_host = lambda::env("SNS_CERT_HOST");
    let deps = &ReceiveWebhook {
        store: aws.store(config.tables, keys),
        queue: aws.queue(config.queue_apply_receipt),
        secrets,
        clock: Arc::new(lambda::SystemClock),
        certificates: CertificateCache::new(http, local_host),
        known: Known::default(),
        public_base_url: config.public_base_url,
        sns_topic_arn: config.sns_topic_arn,
    };
    lambda::run_http(|request| async move { receive_webhook(deps, &request).await }).await
}
