//! A small client of the stack's own HTTP API, for the seed and the command line.

mod error;
mod link;

use std::{fmt, time::Duration};

use anyhow::{Context, Result};
use reqwest::{Method, Response, header};
use serde_json::Value as Json;

pub use self::error::ApiError;
pub(crate) use self::error::readable;

/// Between a lost answer and the second request.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest that a `Retry-After` is waited for at a time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the second request is repeated while the first is still at work; functions have at most 30 seconds.
const PATIENCE: u32 = 35;

/// Calls one stack with one token.
#[derive(Clone)]
pub struct Api {
    base_url: String,
    token: String,
    http: reqwest::Client,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// A page of a list as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvPage {
    /// The file, its header line included.
    pub text: String,
    /// Path and query of the next page.
    pub next: Option<String>,
}

struct Call<'a> {
    method: Method,
    path: &'a str,
    body: Option<&'a Json>,
    key: Option<&'a str>,
    accept: &'static str,
}

impl<'a> Call<'a> {
    fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, body: None, key: None, accept: "application/json" }
    }
}

impl Api {
    /// A client of the stack at `base_url`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base_url: impl Into<String>, token: impl Into<String>) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(40)).no_proxy().build();
        let http = http.context("cannot make an HTTP client")?;
        Ok(Self { base_url: base_url.into(), token: token.into(), http })
    }

    /// `GET`s a path with its query.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn get(&self, path: &str) -> Result<Json, ApiError> {
        self.json(&Call::new(Method::GET, path)).await
    }

    /// `PUT`s a body.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn put(&self, path: &str, body: &Json) -> Result<Json, ApiError> {
        self.json(&Call { body: Some(body), ..Call::new(Method::PUT, path) }).await
    }

    /// `POST`s a body.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn post(&self, path: &str, body: &Json) -> Result<Json, ApiError> {
        self.json(&Call { body: Some(body), ..Call::new(Method::POST, path) }).await
    }

    /// `POST`s a body under an `Idempotency-Key`. If the answer is lost, asks once more with the same key, which has no second effect;
    /// while the API says that the first request is still at work, waits for it.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn post_once(&self, path: &str, body: &Json, key: &str) -> Result<Json, ApiError> {
        let call = Call { body: Some(body), key: Some(key), ..Call::new(Method::POST, path) };
        let lost = match self.json(&call).await {
            Err(error) if error.may_have_been_done() => error,
            answered => return answered,
        };
        let mut pause = PAUSE;
        for _ in 0..PATIENCE {
            tokio::time::sleep(pause).await;
            match self.json(&call).await {
                Err(error) if let Some(after) = error.is_in_progress() => pause = after.min(LONGEST_PAUSE),
                answered => return answered,
            }
        }
        Err(lost)
    }

    /// `GET`s a page of a list as CSV; `path` with its query, or [`CsvPage::next`] of the page before.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn get_csv(&self, path: &str) -> Result<CsvPage, ApiError> {
        let call = Call { accept: "text/csv", ..Call::new(Method::GET, path) };
        let response = self.send(&call).await?;
        let next = link::next(response.headers(), response.url());
        let text = response.text().await.map_err(|source| self.unreachable(&call, source))?;
        Ok(CsvPage { text, next })
    }

    async fn json(&self, call: &Call<'_>) -> Result<Json, ApiError> {
        let response = self.send(call).await?;
        let bytes = response.bytes().await.map_err(|source| self.unreachable(call, source))?;
        if bytes.is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| ApiError::NotJson { base_url: self.base_url.clone() })
    }

    async fn send(&self, call: &Call<'_>) -> Result<Response, ApiError> {
        let url = format!("{}{}", self.base_url, call.path);
        let mut request = self.http.request(call.method.clone(), url).bearer_auth(&self.token);
        request = request.header(header::ACCEPT, call.accept);
        if let Some(body) = call.body {
            request = request.json(body);
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.map_err(|source| self.unreachable(call, source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let bytes = response.bytes().await.map_err(|source| self.unreachable(call, source))?;
        Err(ApiError::Refused {
            method: call.method.clone(),
            path: call.path.split('?').next().unwrap_or(call.path).to_owned(),
            status,
            retry_after: retry_after.map(Duration::from_secs),
            problem: serde_json::from_slice(&bytes).unwrap_or(Json::Null),
        })
    }

    fn unreachable(&self, call: &Call<'_>, source: reqwest::Error) -> ApiError {
        ApiError::Unreachable { base_url: self.base_url.clone(), method: call.method.clone(), source }
    }
}
