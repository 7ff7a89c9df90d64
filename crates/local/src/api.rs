//! A small client of the stack's own HTTP API, for the seed and the command line.

use std::{fmt, time::Duration};

use anyhow::{Context, Result};
use reqwest::{Method, StatusCode};
use serde_json::Value as Json;

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

/// A request that was answered with anything but success.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody answered.
    #[error("the stack at {base_url} does not answer")]
    Unreachable {
        /// Where it should be.
        base_url: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is an error; `problem` is its body.
    #[error("{method} {path} was refused: {}", readable(*status, problem))]
    Refused {
        /// The request's method.
        method: Method,
        /// The request's path.
        path: String,
        /// The answer's status.
        status: StatusCode,
        /// The problem document, or the gateway's message.
        problem: Json,
    },
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
        self.call(Method::GET, path, None).await
    }

    /// `PUT`s a body.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn put(&self, path: &str, body: &Json) -> Result<Json, ApiError> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// `POST`s a body.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn post(&self, path: &str, body: &Json) -> Result<Json, ApiError> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Json, ApiError> {
        let unreachable = |source| ApiError::Unreachable { base_url: self.base_url.clone(), source };
        let url = format!("{}{path}", self.base_url);
        let mut request = self.http.request(method.clone(), url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(unreachable)?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
        if status.is_success() {
            return Ok(body);
        }
        let path = path.split('?').next().unwrap_or(path).to_owned();
        Err(ApiError::Refused { method, path, status, problem: body })
    }
}

/// A problem document for the eyes of a person: title and detail, then one line for each field.
fn readable(status: StatusCode, problem: &Json) -> String {
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let mut out = match (text("title"), text("detail")) {
        (title, detail) if title.is_empty() && detail.is_empty() => format!("{status} {}", text("message")),
        (title, detail) if detail.is_empty() || detail == title => format!("{} {title}", status.as_u16()),
        (title, detail) => format!("{} {title}: {detail}", status.as_u16()),
    };
    for error in problem["errors"].as_array().into_iter().flatten() {
        let part = |name: &str| error[name].as_str().unwrap_or_default();
        out.extend(["\n  ", part("field"), "  ", part("message"), "  (", part("code"), ")"]);
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_reads_as_text_with_a_line_for_each_field() {
        let problem = json!({
            "title": "The body does not fit", "status": 422, "detail": "1 field does not fit",
            "errors": [{"field": "messages[0].body", "code": "too_long", "message": "has more than 1600 characters"}],
        });
        let text = readable(StatusCode::UNPROCESSABLE_ENTITY, &problem);
        let expected = "422 The body does not fit: 1 field does not fit\n  \
                        messages[0].body  has more than 1600 characters  (too_long)";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_gateways_own_answers_read_as_text_too() {
        let text = readable(StatusCode::UNAUTHORIZED, &json!({"message": "Unauthorized"}));
        assert_eq!(text, "401 Unauthorized Unauthorized");
    }
}
