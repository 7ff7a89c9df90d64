//! `receive-webhook`: verifies what providers call, queues it and answers.

mod config;

use channels::ses::CertificateCache;
use usecases::Notes;
use usecases::receive_webhook::{Known, ReceiveWebhook, receive_webhook};

use config::Config;

/// Each request makes many small things that are gone with its answer; the default allocator takes a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (config, start) = lambda::start::<Config>().await?;
    let http = channels::http_client()?;
    // The local stack's SNS twin; template.yaml never sets it, so in AWS only Amazon's hosts are believed.
    let local_host = lambda::env("SNS_CERT_HOST");
    let deps = &ReceiveWebhook {
        store: start.store,
        queue: start.aws.queue(config.queue_apply_receipt),
        dispatch: start.aws.dispatch_queues(config.dispatch_queues),
        notes: Notes::default(),
        secrets: start.secrets,
        clock: start.clock,
        certificates: CertificateCache::new(http, local_host),
        known: Known::default(),
        public_base_url: config.public_base_url,
        sns_topic_arn: config.sns_topic_arn,
    };
    lambda::run_http(|request| async move { Box::pin(receive_webhook(deps, &request)).await }).await
}
