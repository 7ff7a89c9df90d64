//! The listener: AWS JSON 1.0 over HTTP, on the thread that has the database.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use dynoxide::{Database, DynoxideError};
use tokio::net::TcpListener;

use super::calls::{Called, Metering, call};
use crate::Answer;
use crate::server::{Stopping, answer_on};
use crate::tap::{Service, Tap, Tapped, caller};

/// The most that DynamoDB takes as a request, in bytes.
const LARGEST_REQUEST: usize = 16 * 1024 * 1024;
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

struct Served {
    database: Database,
    tap: Option<Tap>,
    requests: AtomicU64,
}

/// Serves until `stopping`.
pub(super) async fn serve(
    listener: TcpListener,
    database: Database,
    tap: Option<Tap>,
    stopping: Stopping,
) -> io::Result<()> {
    let served = Arc::new(Served { database, tap, requests: AtomicU64::new(1) });
    let router =
        Router::new().fallback(any(answer)).layer(DefaultBodyLimit::max(LARGEST_REQUEST)).with_state(served);
    answer_on(listener, router, stopping).await
}

async fn answer(State(served): State<Arc<Served>>, headers: HeaderMap, body: Bytes) -> Response {
    let operation = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok()?.strip_prefix("DynamoDB_20120810."))
        .unwrap_or_default();
    let metering = if served.tap.is_some() { Metering::On } else { Metering::Off };
    let Called { answer, units } = match std::str::from_utf8(&body) {
        Ok(text) => call(&served.database, operation, text, metering),
        Err(error) => unreadable(&error),
    };
    let Answer { status, body: answer, .. } = answer;
    let answer = Bytes::from(answer);
    if let Some(tap) = &served.tap {
        tap(Tapped {
            service: Service::DynamoDb,
            caller: caller(&headers),
            operation: operation.to_owned(),
            request: body,
            status,
            answer: answer.clone(),
            units,
        });
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let number = served.requests.fetch_add(1, Ordering::Relaxed);
    (status, [(header::CONTENT_TYPE, CONTENT_TYPE), (REQUEST_ID, request_id(number))], answer).into_response()
}

fn unreadable(error: &std::str::Utf8Error) -> Called {
    let error = DynoxideError::SerializationException(error.to_string());
    let body = error.to_json().into_bytes();
    Called { answer: Answer { status: error.status_code(), query_error: None, body }, units: Vec::new() }
}

/// 52 digits, as DynamoDB's have.
fn request_id(number: u64) -> HeaderValue {
    HeaderValue::try_from(format!("{number:0>52}")).unwrap_or(HeaderValue::from_static("0"))
}
