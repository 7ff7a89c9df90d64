//! `dispatch-email`: hands mail to SES.

mod config;

use usecases::dispatch::Email;

use config::Config;

/// What a batch makes is gone with it, and small: this takes a tenth less time than the default allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (config, start) = lambda::start::<Config>().await?;
    let connect = Email {
        client: start.aws.ses(),
        configuration_set: config.ses_configuration_set,
        tokens: lambda::UnsubscribeTokens::new(start.keys.clone()),
        public_base_url: config.public_base_url,
    };
    lambda::run_dispatcher(start, config.queue_dispatch_email, connect).await
}
