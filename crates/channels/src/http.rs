//! The HTTP client of the providers that are called directly, and the line between "nothing was sent" and "unknown".

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;

use crate::{Outcome, Problem, SenderProblem};

/// The longest that one request to a provider takes, from the first byte of the connection to the last of the answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The part of it that may go by until the connection stands. Nothing has been sent until then.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter than the keep-alive of any provider, so that a request is not written into a connection that is being closed: that
/// would be an unknown outcome without need.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// No answer that we understand is longer, in bytes.
const MAX_ANSWER: usize = 256 * 1024;
/// The longest `Retry-After` that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// A client of providers' HTTP APIs: shared, cheap to clone.
pub type HttpClient = reqwest::Client;

/// The client for all providers, to be made once per process: it keeps connections open.
///
/// It follows no redirects (credentials would go along), retries nothing (a provider accepts a message at most once), and
/// ignores the environment's proxies (configuration is read in one place).
///
/// # Errors
/// If the TLS stack cannot be set up.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .user_agent(concat!("tidings/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// A provider's answer to our request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body, if it is whole and fits. A body that broke off is no JSON any more, so it never fits.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The problem when the provider gave neither code nor text.
    pub(crate) fn bare_problem(&self) -> Problem {
        Problem::new(None, &format!("HTTP status {}", self.status)).answered(self.status)
    }
}

/// Sends `request` and reads what comes back.
///
/// # Errors
/// The outcome of a request that got no answer.
pub(crate) async fn exchange(request: reqwest::RequestBuilder) -> Result<Answer, Outcome> {
    let mut response = request.send().await.map_err(|error| no_answer(&error))?;
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    // An answer that breaks off has still been given: its status counts, and its body does not parse.
    while let Ok(Some(piece)) = response.chunk().await {
        if body.len() + piece.len() > MAX_ANSWER {
            break;
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status, retry_after, body })
}

fn no_answer(error: &reqwest::Error) -> Outcome {
    if error.is_builder() {
        let problem =
            Problem::ours("The provider's address or the credentials cannot be written into a request");
        return Outcome::SenderRefused { reason: SenderProblem::Configuration, problem };
    }
    // Also when the connection took too long: no byte of the request has left.
    if error.is_connect() {
        return not_reached();
    }
    let text = if error.is_timeout() {
        "The provider did not answer in time"
    } else {
        "The connection broke before the provider answered"
    };
    Outcome::Unknown { problem: Problem::ours(text) }
}

/// The outcome when no connection came about.
pub(crate) fn not_reached() -> Outcome {
    let problem = Problem::ours("The provider could not be reached");
    Outcome::Retry { after: None, limited: None, problem }
}

/// The header's form in seconds. The form with a date needs a clock, and no provider here uses it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}
