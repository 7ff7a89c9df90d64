//! Posting to the system's webhooks.

use std::time::Duration;

/// Twilio's limits, the tightest of the three: 5 s to connect, 15 s in all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);

/// One signed request.
#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// How an attempt ended, as retry rules tell attempts apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    Answered {
        status: u16,
        body: String,
    },
    /// No connection, or it broke before the answer.
    NotConnected,
    TimedOut,
}

impl Attempt {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::NotConnected | Self::TimedOut => None,
        }
    }

    /// 2xx.
    pub(crate) fn succeeded(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }
}

/// A client that keeps connections, follows no redirect (no provider does) and uses no proxy of the environment.
pub(crate) fn client(concurrency: usize) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(concurrency)
        .no_proxy()
        .build()
}

/// One attempt.
pub(crate) async fn post(client: &reqwest::Client, webhook: &Webhook) -> Attempt {
    let request = webhook
        .headers
        .iter()
        .fold(client.post(&webhook.url), |request, (name, value)| request.header(*name, value))
        .body(webhook.body.clone());
    let failed = |error: &reqwest::Error| {
        if error.is_timeout() && !error.is_connect() { Attempt::TimedOut } else { Attempt::NotConnected }
    };
    match request.send().await {
        Err(error) => failed(&error),
        Ok(response) => {
            let status = response.status().as_u16();
            match response.text().await {
                Ok(body) => Attempt::Answered { status, body },
                Err(error) => failed(&error),
            }
        }
    }
}
