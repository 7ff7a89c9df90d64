//! A stack's HTTP API that answers as a test says and remembers what it was asked, and `tidings` as a process against it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use local::{data::DataFolder, jwt::Keys};
use serde_json::{Map, Value, json};

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and path, as in `GET /messages`.
    pub(crate) call: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) claims: Map<String, Value>,
    /// How many times the same call was made before.
    pub(crate) before: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A parameter of the query, or nothing.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

type Answers = dyn Fn(&Seen) -> Response + Send + Sync;

struct Fake {
    answers: Box<Answers>,
    seen: Mutex<Vec<Seen>>,
    keys: Keys,
}

async fn serve(
    State(fake): State<Arc<Fake>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(claims) = token.and_then(|token| fake.keys.verify(token).ok()) else {
        return (StatusCode::UNAUTHORIZED, Json(json!({"message": "Unauthorized"}))).into_response();
    };
    let call = format!("{method} {}", uri.path());
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let mut all = fake.seen.lock().unwrap();
    let before = all.iter().filter(|seen| seen.call == call).count();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let seen = Seen { call, query, headers, body, claims, before };
    all.push(seen.clone());
    drop(all);
    (fake.answers)(&seen)
}

/// What a process said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Standard output of a success.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.out
    }

    /// Standard error of a failure that printed nothing.
    pub(crate) fn bad(self) -> String {
        assert_eq!((self.status, self.out.as_str()), (1, ""), "{self:?}");
        self.err
    }

    /// Standard output of a success, as JSON.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.good()).unwrap()
    }
}

pub(crate) struct World {
    fake: Arc<Fake>,
    port: u16,
    folder: tempfile::TempDir,
}

impl World {
    /// An API that gives these answers to whoever has a token of this world's key.
    pub(crate) async fn start(answers: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(&DataFolder::create(folder.path()).unwrap()).unwrap();
        let fake = Arc::new(Fake { answers: Box::new(answers), seen: Mutex::default(), keys });
        let router = Router::new().fallback(serve).with_state(fake.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { fake, port, folder }
    }

    /// The end of every command line for this stack.
    pub(crate) fn place(&self) -> String {
        format!("--port {} --data {}", self.port, self.folder.path().display())
    }

    /// Runs a command against this stack; no word of its `line` holds a space.
    pub(crate) async fn run(&self, line: &str) -> Ran {
        run(&format!("{line} {}", self.place()).split(' ').collect::<Vec<_>>()).await
    }

    /// Everything that the API was asked, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.fake.seen.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.call).collect()
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.fake.keys
    }

    pub(crate) fn folder(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }
}

/// Runs `tidings` with these words.
pub(crate) async fn run(words: &[&str]) -> Ran {
    let mut process = tokio::process::Command::new(env!("CARGO_BIN_EXE_tidings"));
    let output = process.args(words).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn ok(body: &Value) -> Response {
    Json(body).into_response()
}

pub(crate) fn accepted(body: &Value) -> Response {
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

/// A problem document, such as `conflict("nothing_to_retry", ...)` of the API.
pub(crate) fn problem(status: u16, kind: &str, title: &str, detail: &str) -> Response {
    let document =
        json!({"type": format!("/problems/{kind}"), "title": title, "status": status, "detail": detail});
    let headers = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::from_u16(status).unwrap(), headers, document.to_string()).into_response()
}

/// The same, to be tried again after some seconds.
pub(crate) fn after(seconds: u32, mut response: Response) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

pub(crate) fn not_found() -> Response {
    problem(404, "not-found", "Not found", "There is no such bulk action")
}

/// An answer whose connection breaks.
pub(crate) fn lost() -> Response {
    let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("lost"))]);
    (StatusCode::ACCEPTED, Body::from_stream(broken)).into_response()
}

/// A page of two items of a list, whose cursor is the place of the next; its characters need escaping.
pub(crate) fn page_of_two(items: &[Value], seen: &Seen) -> Value {
    let start = seen.parameter("cursor").strip_prefix("+=&").map_or(0, |start| start.parse().unwrap());
    let end = (start + 2).min(items.len());
    let next = (end < items.len()).then(|| format!("+=&{end}"));
    json!({"items": items[start..end], "next_cursor": next})
}
