//! Queues. Dead-letter queues come first, because the others name them.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use aws_sdk_sqs::{Client, error::ProvideErrorMetadata, types::QueueAttributeName};
use serde_json::json;

use crate::template::Queue;

pub(super) async fn provision(client: &Client, queues: &[Queue]) -> Result<BTreeMap<String, String>> {
    let mut urls = BTreeMap::new();
    let mut arns: HashMap<&str, String> = HashMap::new();
    let (first, second): (Vec<&Queue>, Vec<&Queue>) =
        queues.iter().partition(|queue| queue.redrive.is_none());
    for queue in first.into_iter().chain(second) {
        let attributes = attributes(queue, &arns)?;
        let url = create_or_update(client, queue, attributes).await;
        let url = url.with_context(|| format!("cannot make the queue {}", queue.name))?;
        arns.insert(&queue.name, arn(client, &url).await?);
        urls.insert(queue.id.clone(), url);
    }
    Ok(urls)
}

type Attributes = HashMap<QueueAttributeName, String>;

fn attributes(queue: &Queue, arns: &HashMap<&str, String>) -> Result<Attributes> {
    let own = queue.attributes.iter();
    let mut attributes: Attributes =
        own.map(|(name, value)| (QueueAttributeName::from(name.as_str()), value.clone())).collect();
    if let Some(redrive) = &queue.redrive {
        let target = arns.get(redrive.dead_letter_queue.as_str());
        let target = target.with_context(|| {
            format!(
                "the dead-letter queue {} of {} is not in the template",
                redrive.dead_letter_queue, queue.name
            )
        })?;
        let policy = json!({"deadLetterTargetArn": target, "maxReceiveCount": redrive.max_receive_count});
        attributes.insert(QueueAttributeName::RedrivePolicy, policy.to_string());
    }
    Ok(attributes)
}

/// `CreateQueue` refuses a name that exists with other attributes, so what exists is brought up to date instead.
async fn create_or_update(client: &Client, queue: &Queue, attributes: Attributes) -> Result<String> {
    let Some(url) = find(client, &queue.name).await? else {
        let request = client.create_queue().queue_name(&queue.name).set_attributes(Some(attributes));
        return request.send().await?.queue_url.context("the engine answered without a URL");
    };
    if !attributes.is_empty() {
        client.set_queue_attributes().queue_url(&url).set_attributes(Some(attributes)).send().await?;
    }
    Ok(url)
}

async fn find(client: &Client, name: &str) -> Result<Option<String>> {
    match client.get_queue_url().queue_name(name).send().await {
        Ok(found) => found.queue_url.context("the engine answered without a URL").map(Some),
        Err(error) if error.code().is_some_and(|code| MISSING.contains(&code)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// That there is no such queue has one name in SQS's JSON protocol and another in its query protocol, and the SDK
/// tells whichever the engine sends.
const MISSING: &[&str] = &["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];

async fn arn(client: &Client, url: &str) -> Result<String> {
    let request = client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
    let attributes = request.send().await?.attributes.unwrap_or_default();
    attributes.get(&QueueAttributeName::QueueArn).cloned().context("the engine tells no ARN of a queue")
}
