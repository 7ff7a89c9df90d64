//! Logs and metrics. The README beside this crate is the contract: events with fields, the same names everywhere, and never an address, a
//! body or a credential.

mod metrics;

pub use metrics::{Drift, Metric, Repair, emit, set_function};

use std::error::Error;
use std::fmt::Write;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Crates whose events keep to the contract at every level. Others do not know it: below `info`, the runtime logs whole events and the SDKs whole
/// requests, with the credentials in them.
const OURS: [&str; 8] = ["channels", "domain", "lambda", "queue", "store", "telemetry", "usecases", "wire"];

/// Starts JSON logging to standard output and logs panics as events. `level` is the least important one of our own events (`info` if it is `None` or no
/// level); other crates' events are never kept below `info`, whatever it says.
pub fn init(level: Option<&str>) {
    let least = least(level);
    // Without the hint each of the many events that the SDKs make at lower levels is looked at before it is dropped.
    let filter = filter_fn(|event| may_be_told(event.target(), *event.level())).with_max_level_hint(least);
    // Lambda stamps every line; a second time would only cost.
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .without_time()
        .with_target(false)
        .with_max_level(least)
        .finish()
        .with(filter);
    // A second call, as tests make it, keeps the first subscriber.
    if subscriber.try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            // A panic's message may quote what was being worked on, so only its place is logged.
            tracing::error!(%place, "panic");
        }));
    }
}

/// The least important level that is kept.
fn least(level: Option<&str>) -> LevelFilter {
    match level.map(str::trim) {
        // Lambda's word for less than errors, of which we have none.
        Some("FATAL") => LevelFilter::ERROR,
        Some(name) => name.parse().unwrap_or(LevelFilter::INFO),
        None => LevelFilter::INFO,
    }
}

/// Whether an event of this target may be told at all.
fn may_be_told(target: &str, level: Level) -> bool {
    let of = target.split("::").next().unwrap_or_default();
    level <= Level::INFO || OURS.contains(&of)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_of_lambdas_and_nothing_else() {
        for (level, least_kept) in [
            (None, LevelFilter::INFO),
            (Some("TRACE"), LevelFilter::TRACE),
            (Some("debug"), LevelFilter::DEBUG),
            (Some("FATAL"), LevelFilter::ERROR),
            (Some("lambda_runtime=trace"), LevelFilter::INFO),
            (Some("info,aws_smithy_runtime=trace"), LevelFilter::INFO),
        ] {
            assert_eq!(least(level), least_kept, "{level:?}");
        }
    }

    #[test]
    fn other_crates_are_never_told_below_info_not_even_those_that_are_named_alike() {
        for ours in ["lambda", "lambda::sqs", "usecases::reconcile"] {
            assert!(may_be_told(ours, Level::TRACE), "{ours}");
        }
        for other in
            ["lambda_runtime", "lambda_runtime::layers::trace", "aws_smithy_runtime::client", "hyper", ""]
        {
            assert!(may_be_told(other, Level::INFO) && may_be_told(other, Level::ERROR), "{other}");
            assert!(!may_be_told(other, Level::DEBUG) && !may_be_told(other, Level::TRACE), "{other}");
        }
    }
}
