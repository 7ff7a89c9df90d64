//! The bodies of requests and answers, named as in the service model.
//!
//! Everything that a client may leave out is an `Option`: what is missing is refused with the service's own error
//! rather than with one of the parser.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::refusal::{Fault, Refusal};

/// A message attribute.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributeValue {
    #[serde(default)]
    pub(super) data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) string_value: Option<String>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) binary_value: Option<String>,
}

impl AttributeValue {
    pub(super) fn is_binary(&self) -> bool {
        self.data_type.starts_with("Binary")
    }

    /// The value itself; empty if there is none.
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        match (&self.string_value, &self.binary_value) {
            (Some(text), _) => Cow::Borrowed(text.as_bytes()),
            (None, Some(base64)) => Cow::Owned(STANDARD.decode(base64).unwrap_or_default()),
            (None, None) => Cow::Borrowed(&[]),
        }
    }
}

/// An answer without content.
#[derive(Serialize)]
pub(super) struct Nothing {}

/// A request that names a queue and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueInput {
    pub(super) queue_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueueInput {
    pub(super) queue_name: Option<String>,
    #[serde(default)]
    pub(super) attributes: Attributes,
    #[serde(default, rename = "tags")]
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueUrlInput {
    pub(super) queue_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrlOutput {
    pub(super) queue_url: String,
}

/// `ListQueues` and, with a queue, `ListDeadLetterSourceQueues`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    pub(super) queue_url: Option<String>,
    #[serde(default)]
    pub(super) queue_name_prefix: String,
    pub(super) max_results: Option<i64>,
    pub(super) next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueuesOutput {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListSourcesOutput {
    // The model spells this member in lower case.
    #[serde(rename = "queueUrls")]
    pub(super) queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetAttributesInput {
    pub(super) queue_url: Option<String>,
    #[serde(default)]
    pub(super) attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetAttributesInput {
    pub(super) queue_url: Option<String>,
    #[serde(default)]
    pub(super) attributes: Attributes,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributesOutput {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: Attributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagsInput {
    pub(super) queue_url: Option<String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagsOutput {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
}

/// One message on its way in: the body of `SendMessage` and an entry of `SendMessageBatch`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Outgoing {
    pub(super) queue_url: Option<String>,
    pub(super) id: Option<String>,
    pub(super) message_body: Option<String>,
    pub(super) delay_seconds: Option<i64>,
    #[serde(default)]
    pub(super) message_attributes: BTreeMap<String, AttributeValue>,
    #[serde(default)]
    pub(super) message_system_attributes: BTreeMap<String, AttributeValue>,
    pub(super) message_group_id: Option<String>,
    pub(super) message_deduplication_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sent {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    pub(super) md5_of_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub(super) md5_of_attributes: Option<String>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub(super) md5_of_system_attributes: Option<String>,
}

/// Any batch request.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchInput<T> {
    pub(super) queue_url: Option<String>,
    // Spelt out because the derive would otherwise ask `T` for a default.
    #[serde(default = "Vec::new")]
    pub(super) entries: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchOutput<T> {
    pub(super) successful: Vec<T>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) failed: Vec<BatchFailure>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchDone {
    pub(super) id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchFailure {
    id: String,
    sender_fault: bool,
    code: &'static str,
    message: String,
}

impl BatchFailure {
    pub(super) fn new(id: String, refusal: Refusal) -> Self {
        let Refusal { fault, message } = refusal;
        Self { id, sender_fault: Fault::is_senders(fault), code: fault.code(), message }
    }
}

/// A receipt with, for visibility, the new time-out: single requests and batch entries alike.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiptInput {
    pub(super) queue_url: Option<String>,
    pub(super) id: Option<String>,
    pub(super) receipt_handle: Option<String>,
    pub(super) visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveInput {
    pub(super) queue_url: Option<String>,
    /// The older name of `message_system_attribute_names`.
    #[serde(default)]
    pub(super) attribute_names: Vec<String>,
    #[serde(default)]
    pub(super) message_system_attribute_names: Vec<String>,
    #[serde(default)]
    pub(super) message_attribute_names: Vec<String>,
    pub(super) max_number_of_messages: Option<i64>,
    pub(super) visibility_timeout: Option<i64>,
    pub(super) wait_time_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveOutput {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) messages: Vec<Received>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Received {
    pub(super) message_id: String,
    pub(super) receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    pub(super) md5_of_body: String,
    pub(super) body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub(super) md5_of_attributes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) message_attributes: BTreeMap<String, AttributeValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveInput {
    pub(super) source_arn: Option<String>,
    pub(super) destination_arn: Option<String>,
    pub(super) max_number_of_messages_per_second: Option<i64>,
    pub(super) max_results: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveStarted {
    pub(super) task_handle: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveTasks {
    pub(super) results: Vec<MoveTask>,
}

/// A move that has ended. Kept in the database in this form.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveTask {
    pub(super) status: String,
    pub(super) source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_number_of_messages_per_second: Option<i64>,
    pub(super) approximate_number_of_messages_moved: i64,
    pub(super) approximate_number_of_messages_to_move: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure_reason: Option<String>,
    pub(super) started_timestamp: i64,
}
