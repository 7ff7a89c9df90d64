//! Logs and metrics. The README beside this crate is the contract: events with fields, the same names everywhere, and never an address, a
//! body or a credential.

mod metrics;

pub use metrics::{Drift, Metric, Repair, emit, set_function};

use std::error::Error;
use std::fmt::Write;

use tracing_subscriber::EnvFilter;

/// Starts JSON logging to standard output, at the level of `level` (`info` if it is `None` or not a filter), and logs panics as events.
pub fn init(level: Option<&str>) {
    let filter =
        level.and_then(|level| EnvFilter::try_new(level).ok()).unwrap_or_else(|| EnvFilter::new("info"));
    // Lambda stamps every line; a second time would only cost.
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .without_time()
        .with_target(false)
        .with_env_filter(filter);
    // A second call, as tests make it, keeps the first subscriber.
    if subscriber.try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            // A panic's message may quote what was being worked on, so only its place is logged.
            tracing::error!(%place, "panic");
        }));
    }
}

/// An error with all that caused it, on one line. Our own errors carry ids and codes, never personal data.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _infallible = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
