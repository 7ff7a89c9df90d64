//! The Lambda Runtime API of one worker process, on a loopback port of its own.
//!
//! The protocol: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. A port per worker makes a
//! worker's requests its own without any id in them, and a worker whose stack is gone finds the port closed and ends.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

/// What the paths of this version begin with.
const INVOCATION: &str = "/2018-06-01/runtime/invocation/";
const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";

/// The most that a function may answer to a synchronous invocation, in bytes (Lambda's quota).
pub(super) const MAX_RESPONSE: usize = 6 * 1024 * 1024;
/// The pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
        Ok(Self { address, phase, jobs, server: tokio::spawn(serve(listener, link)) })
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

    fn answer(&self, id: &str, answer: Answer) -> Reply {
        let Some(reply) = self.take(id) else {
            let problem = r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#;
            return json(StatusCode::BAD_REQUEST, Bytes::from_static(problem.as_bytes()));
        };
        // The caller may have gone; the worker is told nothing of that, as in Lambda.
        drop(reply.send(answer));
        accepted()
    }
}

type Reply = Response<Full<Bytes>>;

fn json(status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

fn accepted() -> Reply {
    json(StatusCode::ACCEPTED, Bytes::from_static(br#"{"status":"OK"}"#))
}

/// Without a router: each event that passes through the stack comes by here twice.
async fn serve(listener: TcpListener, link: Arc<Link>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, link.clone()))),
            Err(error) => {
                // As when too many files are open: the worker tries again, and so do we.
                tracing::error!(%error, "a runtime API accepts no connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, link: Arc<Link>) {
    let service = service_fn(|request| async { Ok::<_, Infallible>(reply(&link, request).await) });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a worker's connection ended");
    }
}

async fn reply(link: &Link, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let path = parts.uri.path();
    let invocation = path.strip_prefix(INVOCATION).map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    match (parts.method.as_str(), invocation) {
        ("GET", Some(("next", ""))) => next(link).await,
        ("POST", Some((id, "response"))) => response(link, id, body),
        ("POST", Some((id, "error"))) => error(link, id, &parts.headers, &body),
        ("POST", None) if path == INIT_ERROR => init_error(link, &parts.headers, &body),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

async fn next(link: &Link) -> Reply {
    link.phase.send_replace(Phase::Ready);
    if let Some(unanswered) = link.replace(None) {
        let message = "the function asked for the next event without answering this one".to_owned();
        drop(unanswered.send(Answer::Error { kind: "Runtime.NoAnswer".into(), message }));
    }
    let Some(job) = link.waiting.lock().await.recv().await else { return empty(StatusCode::GONE) };
    let mut reply = json(StatusCode::OK, job.payload);
    let headers = [
        ("lambda-runtime-aws-request-id", HeaderValue::try_from(&job.id)),
        ("lambda-runtime-deadline-ms", HeaderValue::try_from(job.deadline_ms.to_string())),
        ("lambda-runtime-invoked-function-arn", HeaderValue::try_from(job.arn)),
    ];
    for (name, value) in headers {
        // None of them holds a character that a header may not.
        reply.headers_mut().extend(value.ok().map(|value| (HeaderName::from_static(name), value)));
    }
    link.replace(Some((job.id, job.reply)));
    reply
}

fn response(link: &Link, id: &str, body: Bytes) -> Reply {
    if body.len() > MAX_RESPONSE {
        let message = format!("the answer has {} bytes, {MAX_RESPONSE} are allowed", body.len());
        link.answer(id, Answer::Error { kind: "Function.ResponseSizeTooLarge".into(), message });
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    }
    link.answer(id, Answer::Response(body))
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

fn error(link: &Link, id: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
    let Diagnostic { error_type, error_message } = diagnostic(headers, body);
    link.answer(id, Answer::Error { kind: error_type, message: error_message })
}

fn init_error(link: &Link, headers: &HeaderMap, body: &[u8]) -> Reply {
    let Diagnostic { error_type, error_message } = diagnostic(headers, body);
    link.phase.send_replace(Phase::Failed(format!("{error_type}: {error_message}")));
    accepted()
}
