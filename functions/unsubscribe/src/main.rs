//! `unsubscribe`: the page and the one-click form behind the link of every mail.

mod config;

use usecases::Notes;
use usecases::unsubscribe::{Unsubscribe, unsubscribe};

use config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (Config {}, start) = lambda::start().await?;
    let deps = &Unsubscribe {
        tokens: lambda::UnsubscribeTokens::new(start.keys),
        store: start.store,
        clock: start.clock,
        notes: Notes::default(),
    };
    lambda::run_http(|request| async move { unsubscribe(deps, &request).await }).await
}
