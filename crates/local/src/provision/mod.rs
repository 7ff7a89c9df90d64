//! Makes the template's queues and tables on an engine, through the AWS SDKs. What exists is kept.

mod queues;
mod tables;

use std::collections::BTreeMap;

use anyhow::Result;

use crate::template::{REGION, Template};

/// Clients of one DynamoDB and one SQS, wherever they are.
#[derive(Debug, Clone)]
pub struct Clients {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
}

impl Clients {
    /// Clients of these endpoints. Local engines check no signature, so the credentials are made up.
    pub fn new(dynamodb_url: &str, sqs_url: &str) -> Self {
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new(REGION))
            .credentials_provider(aws_sdk_dynamodb::config::Credentials::new(
                "local", "local", None, None, "local",
            ))
            .stalled_stream_protection(aws_sdk_dynamodb::config::StalledStreamProtectionConfig::disabled())
            .endpoint_url(dynamodb_url);
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .region(aws_sdk_sqs::config::Region::new(REGION))
            .credentials_provider(aws_sdk_sqs::config::Credentials::new(
                "local", "local", None, None, "local",
            ))
            .stalled_stream_protection(aws_sdk_sqs::config::StalledStreamProtectionConfig::disabled())
            .endpoint_url(sqs_url);
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
        }
    }
}

/// What is there after provisioning.
#[derive(Debug)]
pub struct Provisioned {
    /// URLs of the queues, by logical id.
    pub queue_urls: BTreeMap<String, String>,
    /// Differences between what exists and what the template says that were left as they are.
    pub warnings: Vec<String>,
}

/// Makes what the template names and the engine lacks.
///
/// # Errors
/// When the engine does not answer or refuses.
pub async fn provision(template: &Template, clients: &Clients) -> Result<Provisioned> {
    let queue_urls = queues::provision(&clients.sqs, &template.queues()?).await?;
    let mut warnings = Vec::new();
    for table in template.tables()? {
        warnings.extend(tables::provision(&clients.dynamodb, &table).await?);
    }
    Ok(Provisioned { queue_urls, warnings })
}
