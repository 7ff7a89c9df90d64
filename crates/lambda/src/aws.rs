//! The clients, built once before the first event.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use queue::Queue;
use store::directory::AddressKeys;
use store::{Store, Tables};
use wire::queue::Job;

/// An operation with all its tries ends within this time: what is promised to the counts must be over by then (`usecases::Notes`).
const OPERATION: Duration = Duration::from_secs(10);
const ATTEMPT: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(2);

/// Configuration shared by all clients.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
}

impl Aws {
    /// Reads region, credentials and endpoints from the environment.
    pub async fn load() -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(OPERATION)
            .operation_attempt_timeout(ATTEMPT)
            .connect_timeout(CONNECT)
            .build();
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .timeout_config(timeouts)
            // Every write is conditional and every queue message may come twice, so repeating is safe.
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            // Bodies are small and an attempt has its time-out: watching how fast they flow only costs.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .load()
            .await;
        Self { config }
    }

    /// The database.
    pub fn store(&self, tables: Tables, keys: AddressKeys) -> Store {
        Store::new(aws_sdk_dynamodb::Client::new(&self.config), tables, keys)
    }

    /// The queue at `url`.
    pub fn queue<J: Job>(&self, url: String) -> Queue<J> {
        Queue::new(aws_sdk_sqs::Client::new(&self.config), url)
    }

    /// SES without any retry of its own: a repeated call could send twice.
    pub fn ses(&self) -> aws_sdk_ses::Client {
        let config = channels::ses::client_config(aws_sdk_ses::config::Builder::from(&self.config));
        aws_sdk_ses::Client::from_conf(config.build())
    }

    pub(crate) fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }
}
