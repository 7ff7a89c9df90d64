//! `manage-directory`: the organisation, its channels, templates and members, and who has opted out.

mod config;

use usecases::Notes;
use usecases::manage_directory::{Directory, handle};

use config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (Config {}, start) = lambda::start().await?;
    let deps = &Directory { store: start.store, clock: start.clock, notes: Notes::default() };
    lambda::run_http(|request| async move { handle(deps, &request).await }).await
}
