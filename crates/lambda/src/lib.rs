//! Runtime glue of the functions: configuration, clients, and the mapping of events to use cases. No decision of the product is made here.

mod aws;
mod config;
mod dispatch;
mod http;
mod schedule;
mod secrets;
mod sources;
mod sqs;
mod start;

pub use aws::Aws;
pub use config::{Configuration, Missing, env, required};
pub use dispatch::{DispatchQueueUrls, run_dispatcher};
pub use http::{HttpEvent, http_request, run_http};
pub use lambda_runtime::Error;
pub use schedule::run_schedule;
pub use sources::{OsIds, SystemClock, SystemTimer};
pub use sqs::{jobs_of, run_sqs, run_sqs_together};
pub use start::{Start, start};
pub use store::directory::UnsubscribeTokens;

/// When an invocation must have answered.
fn deadline(context: &lambda_runtime::Context) -> domain::Timestamp {
    domain::Timestamp::from_millis(i64::try_from(context.deadline).unwrap_or(i64::MAX))
}
