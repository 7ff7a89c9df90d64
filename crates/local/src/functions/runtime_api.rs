//! The Lambda Runtime API of one worker process, on a loopback port of its own.
//!
//! The protocol: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. A port per worker makes a
//! worker's requests its own without any id in them, and a worker whose stack is gone finds the port closed and ends.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

/// The most that a function may answer to a synchronous invocation, in bytes (Lambda's quota).
pub(super) const MAX_RESPONSE: usize = 6 * 1024 * 1024;

/// One invocation on its way to a worker.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) payload: Bytes,
    /// When it must have ended, in milliseconds since 1970.
    pub(super) deadline_ms: i64,
    pub(super) arn: String,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// What a worker said about an invocation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Response(Bytes),
    Error { kind: String, message: String },
}

/// How far a worker has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    /// It has asked for its first event.
    Ready,
    /// It reported an initialisation error.
    Failed(String),
}

/// The server; ends when dropped.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) jobs: mpsc::Sender<Job>,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (jobs, waiting) = mpsc::channel(1);
        let (phase_sender, phase) = watch::channel(Phase::Starting);
        let link = Arc::new(Link {
            waiting: tokio::sync::Mutex::new(waiting),
            current: Mutex::new(None),
            phase: phase_sender,
        });
        let router = router(link);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "a runtime API stopped");
            }
        });
        Ok(Self { address, phase, jobs, server })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Debug)]
struct Link {
    waiting: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    /// The invocation that the worker has and has not answered.
    current: Mutex<Option<(String, oneshot::Sender<Answer>)>>,
    phase: watch::Sender<Phase>,
}

impl Link {
    fn replace(&self, next: Option<(String, oneshot::Sender<Answer>)>) -> Option<oneshot::Sender<Answer>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, next).map(|(_, reply)| reply)
    }

    /// Takes the waiting caller of invocation `id`, if that is the one under way.
    fn take(&self, id: &str) -> Option<oneshot::Sender<Answer>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|(current, _)| current == id).map(|(_, reply)| reply)
    }

    fn answer(&self, id: &str, answer: Answer) -> Response {
        let Some(reply) = self.take(id) else {
            let problem = json!({"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"});
            return (StatusCode::BAD_REQUEST, Json(problem)).into_response();
        };
        // The caller may have gone; the worker is told nothing of that, as in Lambda.
        drop(reply.send(answer));
        accepted()
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

fn router(link: Arc<Link>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::disable())
        .with_state(link)
}

async fn next(State(link): State<Arc<Link>>) -> Response {
    link.phase.send_replace(Phase::Ready);
    if let Some(unanswered) = link.replace(None) {
        let message = "the function asked for the next event without answering this one".to_owned();
        drop(unanswered.send(Answer::Error { kind: "Runtime.NoAnswer".into(), message }));
    }
    let Some(job) = link.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", job.id.clone()),
        ("lambda-runtime-deadline-ms", job.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", job.arn),
        ("content-type", "application/json".to_owned()),
    ];
    link.replace(Some((job.id, job.reply)));
    (headers, job.payload).into_response()
}

async fn response(State(link): State<Arc<Link>>, Path(id): Path<String>, body: Bytes) -> Response {
    if body.len() > MAX_RESPONSE {
        let message = format!("the answer has {} bytes, {MAX_RESPONSE} are allowed", body.len());
        link.answer(&id, Answer::Error { kind: "Function.ResponseSizeTooLarge".into(), message });
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    link.answer(&id, Answer::Response(body))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Diagnostic {
    error_type: String,
    error_message: String,
}

fn diagnostic(headers: &HeaderMap, body: &[u8]) -> Diagnostic {
    let mut diagnostic: Diagnostic = serde_json::from_slice(body).unwrap_or_default();
    if diagnostic.error_type.is_empty() {
        let header = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
        header.unwrap_or("Runtime.Unknown").clone_into(&mut diagnostic.error_type);
    }
    diagnostic
}

async fn error(
    State(link): State<Arc<Link>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Diagnostic { error_type, error_message } = diagnostic(&headers, &body);
    link.answer(&id, Answer::Error { kind: error_type, message: error_message })
}

async fn init_error(State(link): State<Arc<Link>>, headers: HeaderMap, body: Bytes) -> Response {
    let Diagnostic { error_type, error_message } = diagnostic(&headers, &body);
    link.phase.send_replace(Phase::Failed(format!("{error_type}: {error_message}")));
    accepted()
}
