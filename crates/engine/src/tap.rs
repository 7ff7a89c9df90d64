//! A look at every call that the listeners answer, for whoever measures what a system asks of its engines.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};

/// One of the two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Tables.
    DynamoDb,
    /// Queues.
    Sqs,
}

/// Capacity that a call consumed on one table, its indexes included.
#[derive(Debug, Clone, PartialEq)]
pub struct Units {
    /// The table.
    pub table: String,
    /// Read units.
    pub reads: f64,
    /// Write units.
    pub writes: f64,
}

/// A call that was answered.
#[derive(Debug)]
pub struct Tapped {
    /// By whom.
    pub service: Service,
    /// The id of the access key that signed it. No signature is checked, so on a local stack it may be any name.
    pub caller: String,
    /// The API's operation.
    pub operation: String,
    /// The request's body.
    pub request: Bytes,
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's body.
    pub answer: Bytes,
    /// What it consumed; of DynamoDB alone. A condition that failed costs what the item that it looked at would have cost.
    pub units: Vec<Units>,
}

/// Is shown each call on the thread of its engine: whatever it does slows the engine down.
pub type Tap = Arc<dyn Fn(Tapped) + Send + Sync>;

/// The id of the access key in `AWS4-HMAC-SHA256 Credential=ID/20260101/...`.
pub(crate) fn caller(headers: &HeaderMap) -> String {
    let credential = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let id = credential.and_then(|text| text.split_once("Credential=")?.1.split('/').next());
    id.unwrap_or_default().to_owned()
}
