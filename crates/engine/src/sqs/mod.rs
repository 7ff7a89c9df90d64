//! The SQS twin: standard queues on SQLite, spoken to with the AWS JSON 1.0 protocol.
//!
//! | module | what |
//! |---|---|
//! | `http` | requests in, answers out, long polling |
//! | `protocol` | the bodies of requests and answers |
//! | `operations` | the rules, one file per family of operations |
//! | `attributes`, `message`, `batch`, `receipt`, `digest`, `address` | what the rules are made of |
//! | `storage` | every SQL statement |
//!
//! Rules, limits and wordings follow the SQS API reference and developer guide
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/>).

mod address;
mod attributes;
mod batch;
mod digest;
mod handle;
mod http;
mod message;
mod operations;
mod protocol;
mod receipt;
mod refusal;
mod state;
mod storage;

pub use handle::{QueueCounts, Sqs};

/// As it appears in errors.
pub(crate) const SERVICE: &str = "SQS";

/// Whether another program's lock is what stopped SQLite.
pub(crate) fn is_locked(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}
