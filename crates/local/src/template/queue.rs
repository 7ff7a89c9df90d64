//! `AWS::SQS::Queue`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

use super::{
    check_properties,
    intrinsics::{Scope, as_text},
};

/// A queue to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Logical id in the template.
    pub id: String,
    /// Name on the engine.
    pub name: String,
    /// Attributes of `CreateQueue`, without the redrive policy; times in seconds.
    pub attributes: BTreeMap<String, String>,
    /// Where messages go that fail again and again; `None` for a dead-letter queue itself.
    pub redrive: Option<Redrive>,
}

/// The redrive policy of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// Name of the dead-letter queue.
    pub dead_letter_queue: String,
    /// Receives after which a message moves there.
    pub max_receive_count: u32,
}

/// Properties that are attributes of the same name and mean the same on every engine.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("VisibilityTimeout", "VisibilityTimeout"),
    ("MessageRetentionPeriod", "MessageRetentionPeriod"),
    ("DelaySeconds", "DelaySeconds"),
    ("ReceiveMessageWaitTimeSeconds", "ReceiveMessageWaitTimeSeconds"),
    ("MaximumMessageSize", "MaximumMessageSize"),
];

const KNOWN: &[&str] = &[
    "QueueName",
    "RedrivePolicy",
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "MaximumMessageSize",
    // Encryption, labels and who may redrive have no meaning on one machine.
    "SqsManagedSseEnabled",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "RedriveAllowPolicy",
    "Tags",
];

pub(super) fn read(id: &str, resource: &Json, scope: &Scope) -> Result<Queue> {
    let properties = scope.resolve(&resource["Properties"])?.unwrap_or_default();
    check_properties(&properties, KNOWN)?;
    let mut attributes = BTreeMap::new();
    for (property, attribute) in ATTRIBUTES {
        if let Some(value) = properties.get(*property) {
            attributes.insert((*attribute).to_owned(), as_text(value)?);
        }
    }
    Ok(Queue {
        id: id.to_owned(),
        name: properties["QueueName"].as_str().unwrap_or(id).to_owned(),
        attributes,
        redrive: properties.get("RedrivePolicy").map(redrive).transpose()?,
    })
}

fn redrive(policy: &Json) -> Result<Redrive> {
    let target = policy["deadLetterTargetArn"].as_str().context("a redrive policy without target")?;
    let Some(name) = target.strip_prefix("arn:aws:sqs:").and_then(|rest| rest.rsplit(':').next()) else {
        bail!("{target} is no queue");
    };
    let count = as_text(&policy["maxReceiveCount"]).context("a redrive policy without maxReceiveCount")?;
    Ok(Redrive {
        dead_letter_queue: name.to_owned(),
        max_receive_count: count.parse().context("maxReceiveCount is not a number")?,
    })
}
