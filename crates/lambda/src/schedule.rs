//! Scheduled runs.

use std::future::Future;

use domain::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

/// Runs `handle` for every tick; what the event says does not matter. It gets the time by which it must have finished.
///
/// # Errors
/// If the Lambda Runtime API goes away.
pub async fn run_schedule<F, Fut>(handle: F) -> Result<(), Error>
where
    F: Fn(Timestamp) -> Fut,
    Fut: Future<Output = Result<(), usecases::Error>>,
{
    let handle = &handle;
    let on_event = |event: LambdaEvent<Value>| async move {
        handle(crate::deadline(&event.context)).await.map_err(|error| {
            tracing::error!(error = %telemetry::chain(&error), "a scheduled run failed");
            Error::from(error)
        })
    };
    lambda_runtime::run(service_fn(on_event)).await
}
