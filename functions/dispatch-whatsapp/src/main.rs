//! `dispatch-whatsapp`: hands WhatsApp messages to Meta.

mod config;

use usecases::dispatch::WhatsApp;

use config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (config, start) = lambda::start::<Config>().await?;
    let connect = WhatsApp {
        http: channels::http_client()?,
        base_url: config.whatsapp_base_url,
        api_version: config.whatsapp_api_version,
    };
    lambda::run_dispatcher(start, config.queue_dispatch_whatsapp, connect).await
}
