//! The listener: AWS JSON 1.0 over HTTP, and long polling.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::handle::Sqs;
use super::operations::receive::{Look, Receive};
use super::operations::{queues, receipts, redrive, send};
use super::protocol::ReceiveOutput;
use super::receipt::message_id;
use super::refusal::{Fault, Refusal};
use super::state::Call;
use crate::Answer;
use crate::server::{Stopping, answer_on};
use crate::tap::{Service, Tap, Tapped, caller};

/// A batch of 1 MiB in which every character is escaped takes six times that.
const LARGEST_REQUEST: usize = 8 * 1_048_576;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// Serves until `stopping`.
pub(super) async fn serve(
    listener: TcpListener,
    twin: Sqs,
    tap: Option<Tap>,
    stopping: Stopping,
) -> io::Result<()> {
    let served = Served { twin, tap };
    let router =
        Router::new().fallback(any(answer)).layer(DefaultBodyLimit::max(LARGEST_REQUEST)).with_state(served);
    answer_on(listener, router, stopping).await
}

/// One call from within the process. A receive does not wait.
pub(super) fn answer_now(twin: &Sqs, operation: &str, body: &[u8]) -> Answer {
    let answered = match operation {
        "ReceiveMessage" => receive_now(twin, body),
        operation => run(twin, "127.0.0.1", operation, body),
    };
    match answered {
        Ok(body) => Answer { status: 200, query_error: None, body },
        Err(refusal) => Answer {
            status: refusal.fault.status(),
            query_error: Some(query_error(&refusal)),
            body: error_body(&refusal).into_bytes(),
        },
    }
}

fn receive_now(twin: &Sqs, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let receive = Receive::read(read(body)?)?;
    match twin.call("127.0.0.1", |call| receive.look(call))? {
        Look::Answer(output) => write(&output),
        Look::Nothing { .. } => write(&ReceiveOutput { messages: Vec::new() }),
    }
}

/// What the listener answers from.
#[derive(Clone)]
struct Served {
    twin: Sqs,
    tap: Option<Tap>,
}

async fn answer(State(served): State<Served>, headers: HeaderMap, body: Bytes) -> Response {
    let twin = served.twin;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").unwrap_or("127.0.0.1");
    let operation = text("x-amz-target").and_then(|target| target.strip_prefix("AmazonSQS."));
    let answered = match operation {
        Some("ReceiveMessage") => receive(&twin, host, &body).await,
        Some(operation) => run(&twin, host, operation, &body),
        None => Err(unknown("")),
    };
    let (status, error, answer) = match answered {
        Ok(json) => (StatusCode::OK, None, Bytes::from(json)),
        Err(refusal) => refused(&refusal),
    };
    if let Some(tap) = &served.tap {
        tap(Tapped {
            service: Service::Sqs,
            caller: caller(&headers),
            operation: operation.unwrap_or_default().to_owned(),
            request: body,
            status: status.as_u16(),
            answer: answer.clone(),
            units: Vec::new(),
        });
    }
    response(status, error, answer)
}

/// Everything but receiving, which may have to wait.
fn run(twin: &Sqs, host: &str, operation: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let on = On { twin, host, body };
    match operation {
        "CreateQueue" => on.run(queues::create),
        "GetQueueUrl" => on.run(queues::get_url),
        "ListQueues" => on.run(queues::list),
        "ListDeadLetterSourceQueues" => on.run_on(queues::list_sources),
        "DeleteQueue" => on.run_on(queues::delete),
        "PurgeQueue" => on.run_on(queues::purge),
        "GetQueueAttributes" => on.run(queues::get_attributes),
        "SetQueueAttributes" => on.run(queues::set_attributes),
        "TagQueue" => on.run(queues::tag),
        "UntagQueue" => on.run_on(queues::untag),
        "ListQueueTags" => on.run_on(queues::list_tags),
        "SendMessage" => on.run(send::send),
        "SendMessageBatch" => on.run(send::send_batch),
        "DeleteMessage" => on.run(receipts::delete),
        "DeleteMessageBatch" => on.run(receipts::delete_batch),
        "ChangeMessageVisibility" => on.run(receipts::change_visibility),
        "ChangeMessageVisibilityBatch" => on.run(receipts::change_visibility_batch),
        "StartMessageMoveTask" => on.run(redrive::start_move),
        "ListMessageMoveTasks" => on.run_on(redrive::list_moves),
        "AddPermission" | "RemovePermission" | "CancelMessageMoveTask" => Err(Refusal::new(
            Fault::UnsupportedOperation,
            format!("The local engine does not have {operation}."),
        )),
        other => Err(unknown(other)),
    }
}

/// One request on its way to an operation.
struct On<'a> {
    twin: &'a Sqs,
    host: &'a str,
    body: &'a [u8],
}

impl On<'_> {
    fn run<I: DeserializeOwned, O: Serialize>(
        &self,
        operation: impl FnOnce(&mut Call<'_>, I) -> Result<O, Refusal>,
    ) -> Result<Vec<u8>, Refusal> {
        let input = read(self.body)?;
        write(&self.twin.call(self.host, |call| operation(call, input))?)
    }

    /// The same for an operation that only looks at its input.
    fn run_on<I: DeserializeOwned, O: Serialize>(
        &self,
        operation: impl FnOnce(&mut Call<'_>, &I) -> Result<O, Refusal>,
    ) -> Result<Vec<u8>, Refusal> {
        self.run(|call, input| operation(call, &input))
    }
}

/// Receives now, or as soon as there is something, or nothing when the client's patience ends.
async fn receive(twin: &Sqs, host: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let receive = Receive::read(read(body)?)?;
    let began = Instant::now();
    let mut stopping = twin.stopping();
    loop {
        // Made before the look: it hears of changes from here on, also of those between the look and the wait.
        let arrived = twin.call(host, |call| receive.arrived(call))?;
        let change = arrived.notified();
        let (wait, next) = match twin.call(host, |call| receive.look(call))? {
            Look::Answer(output) => return write(&output),
            Look::Nothing { wait, next } => (wait, next),
        };
        let deadline = began + wait;
        let wake = next.map_or(deadline, |next| deadline.min(Instant::now() + next));
        let stopped = tokio::select! {
            () = change => false,
            () = tokio::time::sleep_until(wake) => Instant::now() >= deadline,
            () = stopping.wait() => true,
        };
        if stopped {
            return write(&ReceiveOutput { messages: Vec::new() });
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // The parser's message would quote what was sent; where it stopped is enough.
    serde_json::from_slice(body).map_err(|error| {
        let place =
            format!("The request cannot be read at line {}, column {}.", error.line(), error.column());
        Refusal::new(Fault::Serialization, place)
    })
}

fn write<T: Serialize>(output: &T) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(output).map_err(|_| Refusal::new(Fault::Internal, "The answer cannot be written."))
}

fn unknown(operation: &str) -> Refusal {
    Refusal::new(Fault::UnknownOperation, format!("The operation {operation} is not one of SQS."))
}

fn error_body(refusal: &Refusal) -> String {
    serde_json::json!({"__type": refusal.fault.shape(), "message": refusal.message}).to_string()
}

fn query_error(refusal: &Refusal) -> String {
    let side = if refusal.fault.is_senders() { "Sender" } else { "Receiver" };
    format!("{};{side}", refusal.fault.code())
}

fn refused(refusal: &Refusal) -> (StatusCode, Option<HeaderValue>, Bytes) {
    let status = StatusCode::from_u16(refusal.fault.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let code = HeaderValue::try_from(query_error(refusal)).ok();
    (status, code, Bytes::from(error_body(refusal)))
}

fn response(status: StatusCode, error: Option<HeaderValue>, body: Bytes) -> Response {
    static REQUESTS: AtomicI64 = AtomicI64::new(1);
    let mut response = (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(message_id(REQUESTS.fetch_add(1, Ordering::Relaxed))) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(error) = error {
        headers.insert("x-amzn-query-error", error);
    }
    response
}
