//! Runtime glue of the functions: configuration, clients, and the mapping of events to use cases. No decision of the product is made here.

mod aws;
mod config;
mod http;
mod schedule;
mod secrets;
mod sources;
mod sqs;

pub use aws::Aws;
pub use config::{Missing, env, tables};
pub use http::run_http;
pub use lambda_runtime::Error;
pub use schedule::run_schedule;
pub use sources::{OsIds, SystemClock};
pub use sqs::{run_sqs, run_sqs_together};
pub use store::Tables;
pub use store::directory::UnsubscribeTokens;

/// Starts logging, at the level that Lambda's console sets.
pub fn init() {
    telemetry::init(env("AWS_LAMBDA_LOG_LEVEL").as_deref());
}
