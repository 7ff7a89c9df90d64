//! `unsubscribe`: the page and the one-click form behind the link of every mail.

mod config;

use std::sync::Arc;

use usecases::unsubscribe::{Unsubscribe, unsubscribe};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::init();
    let config = config::Config::from_env()?;
    let aws = lambda::Aws::load().await;
    let keys = aws.secrets()?.keys().await?;
    let deps = &Unsubscribe {
        tokens: lambda::UnsubscribeTokens::new(keys.clone()),
        store: aws.store(config.tables, keys),
        clock: Arc::new(lambda::SystemClock),
    };
    lambda::run_http(|request| async move { unsubscribe(deps, &request).await }).await
}
