//! `dispatch-sms`: hands SMS to Twilio.

mod config;

use usecases::dispatch::Sms;

use config::Config;

/// What a batch makes is gone with it, and small: this takes a tenth less time than the default allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (config, start) = lambda::start::<Config>().await?;
    let connect = Sms {
        http: channels::http_client()?,
        base_url: config.twilio_base_url,
        public_base_url: config.public_base_url,
    };
    lambda::run_dispatcher(start, config.queue_dispatch_sms, connect).await
}
