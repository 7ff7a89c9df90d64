//! One batch: the event that a function gets of it, and what its answer means for each message.
//!
//! Event: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>. Answer:
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use axum::body::Bytes;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::Value as Json;

use crate::template::REGION;

/// The invocation event for some messages of the queue with this ARN.
pub(super) fn event(messages: &[Message], queue_arn: &str) -> Bytes {
    let records = messages.iter().map(|message| Record::of(message, queue_arn)).collect();
    // Text and maps of text always serialise.
    Bytes::from(serde_json::to_vec(&Event { records }).unwrap_or_default())
}

/// Written as it is, without a tree of JSON in between: all that the functions say to each other comes by here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    records: Vec<Record<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: Option<&'a str>,
    receipt_handle: Option<&'a str>,
    body: Option<&'a str>,
    attributes: BTreeMap<&'a str, &'a str>,
    message_attributes: BTreeMap<&'a str, Attribute<'a>>,
    md5_of_body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<&'a str>,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    data_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [&'static str; 0],
    binary_list_values: [&'static str; 0],
}

impl<'a> Record<'a> {
    fn of(message: &'a Message, queue_arn: &'a str) -> Self {
        let attributes = message.attributes().into_iter().flatten();
        let message_attributes = message.message_attributes().into_iter().flatten();
        Self {
            message_id: message.message_id(),
            receipt_handle: message.receipt_handle(),
            body: message.body(),
            attributes: attributes.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            message_attributes: message_attributes
                .map(|(name, value)| (name.as_str(), Attribute::of(value)))
                .collect(),
            md5_of_body: message.md5_of_body(),
            md5_of_message_attributes: message.md5_of_message_attributes(),
            event_source: "aws:sqs",
            event_source_arn: queue_arn,
            aws_region: REGION,
        }
    }
}

impl<'a> Attribute<'a> {
    fn of(value: &'a MessageAttributeValue) -> Self {
        Self {
            data_type: value.data_type(),
            string_value: value.string_value(),
            binary_value: value.binary_value().map(|bytes| BASE64_STANDARD.encode(bytes)),
            string_list_values: [],
            binary_list_values: [],
        }
    }
}

/// Which messages of a batch were dealt with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All but these ids.
    AllBut(BTreeSet<String>),
    /// None; why.
    Nothing(&'static str),
}

impl Verdict {
    /// Reads a function's answer. `partial` is whether the event source reports failures of single messages; if
    /// not, any answer means success.
    pub(super) fn of(answer: &[u8], messages: &[Message], partial: bool) -> Self {
        if !partial {
            return Self::AllBut(BTreeSet::new());
        }
        let Ok(answer) = serde_json::from_slice::<Json>(answer) else {
            return Self::Nothing("its answer is not JSON");
        };
        let failures = match &answer["batchItemFailures"] {
            // No answer, or one without the list, is success.
            Json::Null => return Self::AllBut(BTreeSet::new()),
            Json::Array(failures) => failures,
            _ => return Self::Nothing("batchItemFailures is not a list"),
        };
        let known: BTreeSet<&str> = messages.iter().filter_map(Message::message_id).collect();
        let mut failed = BTreeSet::new();
        for failure in failures {
            match failure["itemIdentifier"].as_str() {
                Some(id) if known.contains(id) => failed.insert(id.to_owned()),
                Some(_) => return Self::Nothing("it names a message that is not in the batch"),
                None => return Self::Nothing("a failure has no itemIdentifier"),
            };
        }
        Self::AllBut(failed)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageSystemAttributeName;
    use serde_json::json;

    use super::*;

    fn messages() -> Vec<Message> {
        let message = |id: &str| {
            Message::builder()
                .message_id(id)
                .receipt_handle(format!("handle-{id}"))
                .body("{\"v\":\"1\"}")
                .md5_of_body("d41d8")
                .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "2")
                .message_attributes(
                    "kind",
                    MessageAttributeValue::builder().data_type("String").string_value("x").build().unwrap(),
                )
                .build()
        };
        vec![message("a"), message("b")]
    }

    fn verdict(answer: &str) -> Verdict {
        Verdict::of(answer.as_bytes(), &messages(), true)
    }

    fn all_but(ids: &[&str]) -> Verdict {
        Verdict::AllBut(ids.iter().map(|id| (*id).to_owned()).collect())
    }

    #[test]
    fn a_record_has_the_fields_that_lambda_gives() {
        let event: Json = serde_json::from_slice(&event(&messages()[..1], "arn:aws:sqs:x:0:q")).unwrap();
        let expected = json!({"Records": [{
            "messageId": "a", "receiptHandle": "handle-a", "body": "{\"v\":\"1\"}", "md5OfBody": "d41d8",
            "attributes": {"ApproximateReceiveCount": "2"},
            "messageAttributes": {"kind": {
                "dataType": "String", "stringValue": "x", "stringListValues": [], "binaryListValues": [],
            }},
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:x:0:q", "awsRegion": "us-east-1",
        }]});
        assert_eq!(event, expected);
    }

    #[test]
    fn the_event_reads_as_the_type_that_functions_use() {
        let read: aws_lambda_events::sqs::SqsEvent =
            serde_json::from_slice(&event(&messages(), "arn:aws:sqs:x:0:q")).unwrap();
        assert_eq!(read.records.len(), 2);
        assert_eq!(read.records[1].message_id.as_deref(), Some("b"));
        assert_eq!(read.records[0].attributes["ApproximateReceiveCount"], "2");
        assert_eq!(read.records[0].message_attributes["kind"].string_value.as_deref(), Some("x"));
    }

    #[test]
    fn an_empty_answer_is_success_of_all() {
        for answer in ["null", "{}", "{\"batchItemFailures\":null}", "{\"batchItemFailures\":[]}"] {
            assert_eq!(verdict(answer), all_but(&[]), "{answer}");
        }
    }

    #[test]
    fn named_messages_failed_and_the_rest_did_not() {
        assert_eq!(verdict(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#), all_but(&["b"]));
    }

    #[test]
    fn an_answer_that_cannot_be_trusted_fails_the_whole_batch() {
        for answer in [
            "oops",
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"id":"a"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"stranger"}]}"#,
            r#"{"batchItemFailures":"a"}"#,
        ] {
            assert!(matches!(verdict(answer), Verdict::Nothing(_)), "{answer}");
        }
    }

    #[test]
    fn without_partial_reports_any_answer_is_success() {
        assert_eq!(Verdict::of(b"oops", &messages(), false), all_but(&[]));
    }
}
