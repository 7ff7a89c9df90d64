//! Providers that answer as they are told, on a port of their own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long the clients of these tests wait for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);

/// What a fake was asked.
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The fields of a form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(of, _)| of == name).map(|(_, value)| value)
    }
}

pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    /// Answers everything with `status`, `headers` and `body`.
    pub(crate) async fn answering(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut answer_headers = HeaderMap::new();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            answer_headers.insert(name, value.parse().unwrap());
        }
        let answer = (StatusCode::from_u16(status).unwrap(), answer_headers, body.to_owned());
        Self::serve(move |_| answer.clone().into_response()).await
    }

    /// Answers each request by its line, `GET /path?query`, with a body that says success.
    pub(crate) async fn choosing(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::serve(move |line| answer(line).into_response()).await
    }

    async fn serve(answer: impl Fn(&str) -> Response + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (record, answer) = (Arc::clone(&seen), Arc::new(answer));
        let app = Router::new().fallback(async move |request: Request| {
            let line = note(&record, request).await;
            answer(&line)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    /// What it was asked; each test asks what it expects to ask once.
    pub(crate) fn only_request(&self) -> Seen {
        let mut seen = self.seen.lock().unwrap();
        assert_eq!(seen.len(), 1, "one request");
        seen.remove(0)
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

/// Keeps what was asked; answers its line.
async fn note(record: &Mutex<Vec<Seen>>, request: Request) -> String {
    let line = format!("{} {}", request.method(), request.uri());
    let headers = request.headers().clone();
    let body: Bytes = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    record.lock().unwrap().push(Seen { line: line.clone(), headers, body });
    line
}

/// What goes wrong on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mishap {
    /// The request is read, and no answer comes.
    Silence,
    /// The request is read, and the connection is closed.
    Closed,
    /// The connection is closed in the middle of an answer that says success.
    BrokenOff,
}

/// The address of a server where `mishap` happens to every request, and how many connections it took.
pub(crate) async fn unlucky(mishap: Mishap) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(Mutex::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            *count.lock().unwrap() += 1;
            read_request(&mut stream).await;
            match mishap {
                Mishap::Silence => open.push(stream),
                Mishap::Closed => drop(stream),
                Mishap::BrokenOff => {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"sid\":\"SM1\"";
                    stream.write_all(answer).await.unwrap();
                }
            }
        }
    });
    (url, connections)
}

/// Reads until the client waits: the head, and as much of the body as comes with it.
async fn read_request(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the client hung up");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// The address of a server that is not there.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A client like the crate's, but less patient.
pub(crate) fn impatient() -> reqwest::Client {
    reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap()
}
