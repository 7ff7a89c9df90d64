//! The events that SES publishes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::input::Input;
use crate::clock::rfc3339;
use crate::endings::Ending;
use crate::ids::uuid_from;
use crate::schedule::Pending;
use crate::webhook::Webhook;
use crate::world::World;

/// The subject that SES gives to its notifications.
const SUBJECT: &str = "Amazon SES Email Event Notification";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Send,
    Delivery,
    Bounce,
    Complaint,
}

impl Kind {
    /// The events of a mail to an address with this ending.
    pub(super) fn course(ending: Ending) -> &'static [Self] {
        match ending {
            Ending::Fails => &[Self::Send, Self::Bounce],
            Ending::Silent => &[],
            Ending::Complains => &[Self::Send, Self::Delivery, Self::Complaint],
            Ending::Refused | Ending::Stops | Ending::AnswerLost | Ending::Delivered => {
                &[Self::Send, Self::Delivery]
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Delivery => "Delivery",
            Self::Bounce => "Bounce",
            Self::Complaint => "Complaint",
        }
    }
}

/// The `mail` object that all events of one mail share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sent(Value);

impl Sent {
    pub(super) fn new(world: &World, input: &Input, message_id: &str, at_ms: i64) -> Self {
        let mut arn = world.options.sns_topic_arn.split(':').skip(3);
        let (region, account) = (arn.next().unwrap_or("us-east-1"), arn.next().unwrap_or("123456789012"));
        let domain =
            input.source.rsplit_once('@').map_or("", |(_, domain)| domain).trim_end_matches(['>', ' ']);
        let headers: Vec<Value> =
            input.mail.headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let mut common = Map::new();
        common.insert("from".to_owned(), json!([input.mail.header("From").unwrap_or(&input.source)]));
        if let Some(reply_to) = input.mail.header("Reply-To") {
            common.insert("replyTo".to_owned(), json!([reply_to]));
        }
        common.insert("to".to_owned(), json!(input.mail.header("To").map(|to| vec![to])));
        common.insert("messageId".to_owned(), json!(message_id));
        common.insert("subject".to_owned(), json!(input.mail.subject));
        Self(json!({
            "timestamp": rfc3339(at_ms),
            "source": input.source,
            "sourceArn": format!("arn:aws:ses:{region}:{account}:identity/{domain}"),
            "sendingAccountId": account,
            "messageId": message_id,
            "destination": input.destinations,
            "headersTruncated": false,
            "headers": headers,
            "commonHeaders": common,
            "tags": tags(input, domain),
        }))
    }

    fn message_id(&self) -> &str {
        self.0["messageId"].as_str().unwrap_or_default()
    }
}

/// The automatic tags and the request's own.
fn tags(input: &Input, domain: &str) -> Value {
    let mut tags = Map::new();
    if let Some(set) = &input.configuration_set {
        tags.insert("ses:configuration-set".to_owned(), json!([set]));
    }
    tags.insert("ses:source-ip".to_owned(), json!(["127.0.0.1"]));
    tags.insert("ses:from-domain".to_owned(), json!([domain]));
    tags.insert("ses:caller-identity".to_owned(), json!(["local"]));
    for (name, value) in &input.tags {
        tags.insert(name.clone(), json!([value]));
    }
    Value::Object(tags)
}

/// One event about one recipient.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventReport {
    pub(crate) kind: Kind,
    pub(crate) recipient: String,
    /// Shared in memory by all events of a mail; written with each.
    pub(crate) sent: Arc<Sent>,
}

/// As it is kept. A callback says of what kind it is beside these, so that none of them may be named `kind`.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    event: Kind,
    recipient: String,
    sent: S,
}

impl Serialize for EventReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Kept { event: self.kind, recipient: self.recipient.clone(), sent: &*self.sent }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EventReport {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kept = Kept::<Sent>::deserialize(deserializer)?;
        Ok(Self { kind: kept.event, recipient: kept.recipient, sent: Arc::new(kept.sent) })
    }
}

impl EventReport {
    /// The record, as SES writes it into a notification.
    fn record(&self, occurred_ms: i64) -> Value {
        let timestamp = rfc3339(occurred_ms);
        let feedback_id = || format!("0100{occurred_ms:012x}-{}-000000", uuid_from(&self.recipient));
        let (name, detail) = match self.kind {
            Kind::Send => ("send", json!({})),
            Kind::Delivery => (
                "delivery",
                json!({
                    "timestamp": timestamp,
                    "processingTimeMillis": 546,
                    "recipients": [self.recipient],
                    "smtpResponse": "250 2.6.0 Message received",
                    "reportingMTA": "mta.example.com",
                }),
            ),
            Kind::Bounce => (
                "bounce",
                json!({
                    "bounceType": "Permanent",
                    "bounceSubType": "General",
                    "bouncedRecipients": [{
                        "emailAddress": self.recipient,
                        "action": "failed",
                        "status": "5.1.1",
                        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                    }],
                    "timestamp": timestamp,
                    "feedbackId": feedback_id(),
                    "reportingMTA": "dsn; mta.example.com",
                }),
            ),
            Kind::Complaint => (
                "complaint",
                json!({
                    "complainedRecipients": [{"emailAddress": self.recipient}],
                    "timestamp": timestamp,
                    "feedbackId": feedback_id(),
                    "userAgent": "Amazon SES Mailbox Simulator",
                    "complaintFeedbackType": "abuse",
                    "arrivalDate": timestamp,
                }),
            ),
        };
        json!({"eventType": self.kind.name(), "mail": *self.sent, name: detail})
    }
}

/// The event as a signed notification.
pub(crate) fn event_webhook(world: &World, report: &EventReport, due: &Pending) -> Webhook {
    let name = format!("{} {} {}", due.id, report.sent.message_id(), report.kind.name());
    let message = report.record(due.occurred_ms).to_string();
    world.topic.notification(&uuid_from(&name), SUBJECT, &message, due.occurred_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of all fields, however deep, except in what differs from mail to mail.
    fn shape(value: &Value, path: &str, names: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (name, inner) in object {
                    names.push(format!("{path}.{name}"));
                    if name != "tags" {
                        shape(inner, &format!("{path}.{name}"), names);
                    }
                }
            }
            Value::Array(values) => {
                if let Some(first) = values.first() {
                    shape(first, &format!("{path}[]"), names);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn records_have_the_fields_of_the_samples() {
        let samples = [
            (Kind::Send, include_str!("../../../../tests/fixtures/aws/ses-events/send-record.json")),
            (Kind::Delivery, include_str!("../../../../tests/fixtures/aws/ses-events/delivery-record.json")),
            (Kind::Bounce, include_str!("../../../../tests/fixtures/aws/ses-events/bounce-record.json")),
            (
                Kind::Complaint,
                include_str!("../../../../tests/fixtures/aws/ses-events/complaint-record.json"),
            ),
        ];
        for (kind, sample) in samples {
            let sample: Value = serde_json::from_str(sample).unwrap();
            let sent = Arc::new(Sent(sample["mail"].clone()));
            let record = EventReport { kind, recipient: "recipient@example.com".to_owned(), sent }.record(0);
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            shape(&record, "", &mut ours);
            shape(&sample, "", &mut theirs);
            assert_eq!(ours, theirs, "{kind:?}");
        }
    }

    /// Found by the crash tests: with two fields of one name, no event survived a restart.
    #[test]
    fn an_event_is_read_back_as_it_was_kept() {
        let sent = Arc::new(Sent(json!({"messageId": "0100"})));
        let report = EventReport { kind: Kind::Bounce, recipient: "a@b.org".to_owned(), sent };
        let callback = crate::callback::Callback::SesEvent(report);
        let kept = serde_json::to_string(&callback).unwrap();
        assert_eq!(serde_json::from_str::<crate::callback::Callback>(&kept).unwrap(), callback);
    }
}
