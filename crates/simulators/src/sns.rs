//! Amazon SNS, as far as it carries the events of SES: one topic with one HTTP subscription.

mod confirm;
mod key;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) use confirm::{ask_until_confirmed, router};

use crate::clock::rfc3339;
use crate::database::{Database, keep_setting, setting};
use crate::ids;
use crate::webhook::{Attempt, Webhook};
use crate::{Options, StartError};
use key::Key;

/// The certificate's file, below where the router is nested.
const CERTIFICATE_PATH: &str = "/sns/SimpleNotificationService-local.pem";
/// Pauses after failed attempts. AWS lets a subscription choose its own; these are within what it allows.
const PAUSES_S: [u64; 6] = [1, 2, 4, 8, 16, 20];

/// The topic and its subscription.
pub(crate) struct Topic {
    arn: String,
    subscription_arn: String,
    endpoint: String,
    own_base_url: String,
    token: String,
    key: Key,
    confirmed: watch::Sender<bool>,
}

/// Any answer but a 2xx is tried again, a few times.
pub(crate) fn retry_after(attempt: &Attempt, attempts: u32) -> Option<Duration> {
    if attempt.succeeded() {
        return None;
    }
    let failed = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    PAUSES_S.get(failed).map(|seconds| Duration::from_secs(*seconds))
}

impl Topic {
    /// Reads the key, or makes it at first, and whether the subscription was confirmed.
    pub(crate) async fn open(database: &Database, options: &Options) -> Result<Self, StartError> {
        let key = Key::open(database).await?;
        let endpoint = format!("{}/webhooks/ses", options.public_base_url);
        let name = setting_name(&options.sns_topic_arn, &endpoint);
        let kept = database.run(move |connection| setting(connection, &name)).await?;
        Ok(Self {
            arn: options.sns_topic_arn.clone(),
            subscription_arn: format!("{}:{}", options.sns_topic_arn, ids::uuid_from(&endpoint)),
            endpoint,
            own_base_url: options.own_base_url.clone(),
            token: ids::uuid().replace('-', "").repeat(2),
            key,
            confirmed: watch::Sender::new(kept.is_some()),
        })
    }

    /// Waits until the subscription is confirmed: SNS sends nothing before.
    pub(crate) async fn confirmed(&self) {
        // The sender lives as long as this topic, so that waiting cannot fail.
        drop(self.confirmed.subscribe().wait_for(|confirmed| *confirmed).await);
    }

    fn is_confirmed(&self) -> bool {
        *self.confirmed.borrow()
    }

    /// Notes that the receiver confirmed.
    async fn confirm(&self, database: &Database) -> Result<(), crate::database::DatabaseError> {
        let name = setting_name(&self.arn, &self.endpoint);
        database.run(move |connection| keep_setting(connection, &name, "confirmed")).await?;
        self.confirmed.send_replace(true);
        Ok(())
    }

    /// A message of the topic, for the subscription.
    pub(crate) fn notification(&self, message_id: &str, subject: &str, message: &str, at_ms: i64) -> Webhook {
        let subscription = &self.subscription_arn;
        let body = json!({
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": self.arn,
            "Subject": subject,
            "Message": message,
            "Timestamp": rfc3339(at_ms),
            "UnsubscribeURL": format!("{}/sns/?Action=Unsubscribe&SubscriptionArn={subscription}", self.own_base_url),
        });
        let mut webhook = self.signed(body);
        webhook.headers.push(("x-amz-sns-subscription-arn", subscription.clone()));
        webhook
    }

    /// The question whether the endpoint wants the subscription.
    fn confirmation(&self, message_id: &str, at_ms: i64) -> Webhook {
        let (arn, token) = (&self.arn, &self.token);
        self.signed(json!({
            "Type": "SubscriptionConfirmation",
            "MessageId": message_id,
            "Token": token,
            "TopicArn": arn,
            "Message": format!(
                "You have chosen to subscribe to the topic {arn}.\nTo confirm the subscription, visit the SubscribeURL \
                 included in this message."
            ),
            "SubscribeURL": format!(
                "{}/sns/subscribe?Action=ConfirmSubscription&TopicArn={arn}&Token={token}",
                self.own_base_url
            ),
            "Timestamp": rfc3339(at_ms),
        }))
    }

    fn signed(&self, mut body: Value) -> Webhook {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let headers = vec![
            ("content-type", "text/plain; charset=UTF-8".to_owned()),
            ("user-agent", "Amazon Simple Notification Service Agent".to_owned()),
            ("x-amz-sns-message-type", text("Type")),
            ("x-amz-sns-message-id", text("MessageId")),
            ("x-amz-sns-topic-arn", text("TopicArn")),
        ];
        let signature = self.key.sign(string_to_sign(&body).as_bytes());
        body["SignatureVersion"] = json!("2");
        body["Signature"] = json!(signature);
        body["SigningCertURL"] = json!(format!("{}{CERTIFICATE_PATH}", self.own_base_url));
        Webhook { url: self.endpoint.clone(), headers, body: body.to_string() }
    }
}

fn setting_name(arn: &str, endpoint: &str) -> String {
    format!("sns.subscription {arn} {endpoint}")
}

/// Name and value, each on a line, of the fields that are signed, in the order of their names' bytes.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
fn string_to_sign(body: &Value) -> String {
    let names: &[&str] = if body["Type"] == "Notification" {
        &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    } else {
        &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    };
    names.iter().filter_map(|name| body[*name].as_str().map(|value| format!("{name}\n{value}\n"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_equals_the_vectors() {
        let vectors = include_str!("../../../tests/fixtures/vectors/sns_messages.json");
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let mut checked = 0;
        for case in vectors["cases"].as_array().unwrap() {
            if let (true, Some(expected)) = (case["expect"] == true, case["string_to_sign"].as_str()) {
                assert_eq!(string_to_sign(&case["message"]), expected, "{}", case["name"]);
                checked += 1;
            }
        }
        assert!(checked >= 4, "{checked}");
    }

    #[test]
    fn a_failed_notification_is_tried_six_times_more() {
        let failed = Attempt::Answered { status: 403, body: String::new() };
        let retries = (1..50).take_while(|attempts| retry_after(&failed, *attempts).is_some()).count();
        assert_eq!(retries, 6);
        assert_eq!(retry_after(&Attempt::Answered { status: 204, body: String::new() }, 1), None);
    }
}
