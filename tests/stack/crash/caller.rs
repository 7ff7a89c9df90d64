//! A caller who goes on calling while the stack is killed under them.

use std::path::Path;
use std::time::{Duration, Instant};

use domain::Timestamp;
use local::data::DataFolder;
use local::jwt::{Grant, Keys};
use serde_json::Value;

/// How long somebody insists on an answer: longer than any stop of the stack.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between a lost answer and the next attempt.
const PAUSE: Duration = Duration::from_millis(150);

/// Somebody of the demo organisation who may do everything.
#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    base_url: String,
    token: String,
}

/// An answer of the API itself.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    retry_after: Option<Duration>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A text of its body.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: Option<&'a Value>,
    pub(crate) key: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: "GET", path, body: None, key: None }
    }

    pub(crate) fn put(path: &'a str, body: &'a Value) -> Self {
        Self { method: "PUT", path, body: Some(body), key: None }
    }

    pub(crate) fn post(path: &'a str, body: &'a Value) -> Self {
        Self { method: "POST", path, body: Some(body), key: None }
    }

    pub(crate) fn with_key(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }
}

/// The time now, by the clock that the simulators use, too.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(local::clock::now().timestamp_millis())
}

impl Caller {
    /// A caller of the stack at `base_url`, with a token that its data folder vouches for.
    pub(crate) fn of(base_url: String, data: &Path) -> Self {
        let permissions =
            ["members.view", "members.edit", "messaging.send", "messaging.view", "messaging.manage"];
        let grant = Grant {
            org_id: "demo".into(),
            sub: "tester".into(),
            permissions: permissions.map(str::to_owned).into(),
            ttl: Duration::from_hours(1),
        };
        let keys = DataFolder::open(data).and_then(|data| Keys::load(&data)).expect("the stack's key");
        let http = channels::http_client().expect("a client");
        Self { http, base_url, token: keys.sign(&grant).expect("a token") }
    }

    /// One attempt. `None` if there is no answer, or only one of the gateway in place of a function's: then nobody knows what was done.
    pub(crate) async fn attempt(&self, call: Call<'_>) -> Option<Answer> {
        let method = call.method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{}", self.base_url, call.path));
        request = request.bearer_auth(&self.token);
        if let Some(body) = call.body {
            request = request.json(body);
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let retry_after =
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let text = answer.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        // A problem document has a type; the gateway's own message has none.
        let of_gateway = status >= 500 && body["type"].is_null();
        (!of_gateway).then(|| Answer { status, body, retry_after: retry_after.map(Duration::from_secs) })
    }

    /// Calls until there is an answer. The request must be one that can be repeated.
    pub(crate) async fn insist(&self, call: Call<'_>) -> Answer {
        let until = Instant::now() + PATIENCE;
        loop {
            let pause = match self.attempt(call).await {
                // The same request is in progress, or there were too many: the answer says when to come again.
                Some(Answer { status: 409 | 429, retry_after: Some(after), .. }) => after,
                Some(answer) if answer.status < 500 => return answer,
                Some(_) | None => PAUSE,
            };
            assert!(Instant::now() < until, "{} {} got no answer in {PATIENCE:?}", call.method, call.path);
            tokio::time::sleep(pause).await;
        }
    }

    /// What a path shows.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.insist(Call::get(path)).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        answer.body
    }

    /// All pages of a list; `path` has a query.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{cursor}")).await;
            all.extend(page["items"].as_array().expect("items").clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// A mail program's one-click request (RFC 8058) to the path of an unsubscribe link; whether it was acknowledged.
    pub(crate) async fn unsubscribe(&self, path: &str) -> bool {
        let request = self.http.post(format!("{}{path}", self.base_url));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body("List-Unsubscribe=One-Click").send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}
