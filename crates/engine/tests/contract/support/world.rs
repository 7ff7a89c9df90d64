//! One check's engine and clients.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_smithy_http_client::Builder as HttpClients;
use engine::{Engine, EngineOptions};

use super::{TestClock, environment};

/// An engine with the SDK's clients for it.
pub(crate) struct World {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    /// As in `DIVERGENCES.md`.
    pub(crate) engine_name: String,
    prefix: String,
    embedded: Option<(Engine, TestClock)>,
}

impl World {
    pub(crate) fn start(check: &str) -> Self {
        let clock = TestClock::start();
        let embedded = environment::engine_url().is_none().then(|| {
            let options = EngineOptions { clock: clock.clock(), ..EngineOptions::default() };
            (Engine::start(options).expect("the engine starts"), clock)
        });
        let (dynamodb, sqs) = match (&embedded, environment::engine_url()) {
            (Some((engine, _)), _) => clients(&engine.dynamodb_url(), &engine.sqs_url()),
            (None, Some(url)) => clients(&url, &url),
            (None, None) => unreachable!("without an URL the engine is embedded"),
        };
        Self { dynamodb, sqs, engine_name: environment::engine_name(), prefix: prefix(check), embedded }
    }

    /// A name for a table or queue that no other check, and no earlier run against the same engine, has used.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    /// Lets time pass: at once where the clock is ours, by waiting elsewhere. For a few seconds at most.
    pub(crate) async fn pass(&self, time: Duration) {
        match &self.embedded {
            Some((engine, clock)) => {
                clock.pass(time);
                engine.sqs().wake();
            }
            // An engine with a clock of its own cannot be hurried.
            None => tokio::time::sleep(time + Duration::from_millis(100)).await,
        }
    }

    /// Milliseconds since the epoch, as the engine has it.
    pub(crate) fn now_ms(&self) -> i64 {
        self.embedded.as_ref().map_or_else(|| engine::system_clock()(), |(_, clock)| clock.now_ms())
    }
}

fn prefix(check: &str) -> String {
    static CHECKS: AtomicU32 = AtomicU32::new(0);
    let number = CHECKS.fetch_add(1, Ordering::Relaxed);
    let name: String = check.rsplit("::").next().unwrap_or(check).chars().take(24).collect();
    format!("{}-{}-{number}", name.replace('_', "-"), std::process::id())
}

/// SDK clients as the functions use them, but over plain HTTP and without retries: a check must see the first answer.
pub(crate) fn clients(dynamodb_url: &str, sqs_url: &str) -> (aws_sdk_dynamodb::Client, aws_sdk_sqs::Client) {
    use aws_sdk_dynamodb::config as dynamodb;
    use aws_sdk_sqs::config as sqs;

    let http = HttpClients::new().build_http();
    let credentials = || {
        dynamodb::Credentials::builder().access_key_id("test").secret_access_key("test").provider_name("test")
    };
    let for_dynamodb = dynamodb::Builder::new()
        .behavior_version(dynamodb::BehaviorVersion::latest())
        .region(dynamodb::Region::new("us-east-1"))
        .endpoint_url(dynamodb_url)
        .credentials_provider(credentials().build())
        .retry_config(dynamodb::retry::RetryConfig::disabled())
        .http_client(http.clone())
        .build();
    let for_sqs = sqs::Builder::new()
        .behavior_version(sqs::BehaviorVersion::latest())
        .region(sqs::Region::new("us-east-1"))
        .endpoint_url(sqs_url)
        .credentials_provider(credentials().build())
        .retry_config(sqs::retry::RetryConfig::disabled())
        .http_client(http)
        .build();
    (aws_sdk_dynamodb::Client::from_conf(for_dynamodb), aws_sdk_sqs::Client::from_conf(for_sqs))
}
