//! What SES reports about a mail, in the form of event publishing (`eventType`) and in that of identity feedback (`notificationType`)
//! (<https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>).
//!
//! The organisation and the message are named by the tags that the mail left with; they are believed because the topic is ours. All
//! lists of values are open: a value that we do not know is treated as the mildest of its kind.

use std::collections::HashMap;
use std::fmt;

use domain::receipt::{Receipt, Report};
use domain::{FailureCode, MessageId, OrgId, Timestamp};
use serde::Deserialize;

use super::{MESSAGE_TAG, ORG_TAG};
use crate::WebhookError;
use crate::webhook::{event_time, id, word};

/// What a new subscription of a configuration set begins with instead of an event.
const GREETING: &str = "Successfully validated SNS topic";

/// What one event means for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whose mail it was.
    pub org_id: OrgId,
    /// What became of it.
    pub receipts: Vec<Receipt>,
    /// Addresses that must get no more mail.
    pub suppress: Vec<Suppress>,
}

/// An address that must get no more mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Suppress {
    /// The mailbox, as SES repeats it.
    pub address: String,
    /// Its owner called a mail spam; else mail to it comes back for good.
    pub complaint: bool,
}

impl fmt::Debug for Suppress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suppress").field("complaint", &self.complaint).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Mail,
    delivery: Option<Moment>,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    message_id: String,
    timestamp: Option<String>,
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Moment {
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Bounce {
    timestamp: Option<String>,
    #[serde(rename = "bounceType")]
    kind: String,
    #[serde(rename = "bounceSubType", default)]
    sub_type: String,
    #[serde(rename = "bouncedRecipients", default)]
    recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
struct Complaint {
    timestamp: Option<String>,
    #[serde(rename = "complaintSubType")]
    sub_type: Option<String>,
    #[serde(rename = "complaintFeedbackType")]
    feedback: Option<String>,
    #[serde(rename = "complainedRecipients", default)]
    recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
    status: Option<String>,
}

/// What an event says, before it is known whose mail it was.
struct Meaning {
    report: Option<Report>,
    at: Option<String>,
    provider_code: Option<String>,
    suppress: Vec<Suppress>,
}

impl Meaning {
    fn report(report: Report, at: Option<String>) -> Self {
        Self { report: Some(report), at, provider_code: None, suppress: Vec::new() }
    }
}

/// Reads an event; `None` if it means nothing for us: a delay, an open or a click (mail programs and filters make them too, so they prove
/// no reading), or a mail that was not ours. `received_at` stands in for a missing time, and no event is later.
///
/// # Errors
/// If the text is not an event as SES documents it.
pub fn parse_event(message: &str, received_at: Timestamp) -> Result<Option<Event>, WebhookError> {
    if message.starts_with(GREETING) {
        return Ok(None);
    }
    let record: Record = serde_json::from_str(message).map_err(|_| WebhookError::Malformed)?;
    let tag = |name| record.mail.tags.get(name).and_then(|values| values.first()).map(String::as_str);
    let Some(org_id) = tag(ORG_TAG).and_then(|id| id.parse::<OrgId>().ok()) else { return Ok(None) };
    let message_id = tag(MESSAGE_TAG).and_then(|id| id.parse::<MessageId>().ok());
    let provider_message_id = id(record.mail.message_id.clone());
    let Some(meaning) = meaning(record)? else { return Ok(None) };
    let at = event_time(meaning.at.and_then(|at| at.parse().ok()), received_at);
    let receipts = message_id.zip(meaning.report).map(|(message_id, report)| Receipt {
        message_id,
        provider_message_id,
        report,
        at,
        provider_code: meaning.provider_code.map(word),
    });
    Ok(Some(Event { org_id, receipts: receipts.into_iter().collect(), suppress: meaning.suppress }))
}

fn meaning(record: Record) -> Result<Option<Meaning>, WebhookError> {
    Ok(match record.event_type.as_str() {
        "Send" => Some(Meaning::report(Report::Sent, record.mail.timestamp)),
        "Delivery" => {
            let delivery = record.delivery.ok_or(WebhookError::Missing("delivery"))?;
            Some(Meaning::report(Report::Delivered, delivery.timestamp))
        }
        "Bounce" => Some(bounce(record.bounce.ok_or(WebhookError::Missing("bounce"))?)),
        "Complaint" => complaint(record.complaint.ok_or(WebhookError::Missing("complaint"))?),
        // A virus; or a template of SES, which we do not use.
        "Reject" | "Rendering Failure" => {
            let code = Some(record.event_type.clone());
            let report = Report::Failed(FailureCode::ProviderRejected);
            // The event has no time of its own.
            Some(Meaning { provider_code: code, ..Meaning::report(report, None) })
        }
        // DeliveryDelay, Open, Click, Subscription, and what is still to come.
        _ => None,
    })
}

/// Every bounce is final for its mail: SES tries a transient one for hours before it says so. Only a permanent one is about the address
/// for good, whatever its sub-type: no such mailbox, or one on a suppression list.
fn bounce(bounce: Bounce) -> Meaning {
    let code = match (bounce.kind.as_str(), bounce.sub_type.as_str()) {
        ("Permanent", _) => FailureCode::Bounced,
        (_, "ContentRejected" | "AttachmentRejected") => FailureCode::CarrierBlocked,
        _ => FailureCode::Undeliverable,
    };
    let status = bounce.recipients.iter().find_map(|recipient| recipient.status.clone());
    let parts = [Some(bounce.kind), Some(bounce.sub_type), status];
    let provider_code: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let gone = code == FailureCode::Bounced;
    let suppress = if gone { suppress(bounce.recipients, false) } else { Vec::new() };
    Meaning {
        report: Some(Report::Failed(code)),
        at: bounce.timestamp,
        provider_code: Some(provider_code.join(" ")),
        suppress,
    }
}

fn complaint(complaint: Complaint) -> Option<Meaning> {
    // The opposite: somebody took the mail out of the spam folder.
    if complaint.feedback.as_deref() == Some("not-spam") {
        return None;
    }
    // SES remembers an earlier complaint and did not send: there will be no delivery to complain about.
    let suppressed = complaint.sub_type.as_deref() == Some("OnAccountSuppressionList");
    let report = if suppressed { Report::OptedOut } else { Report::Complained };
    Some(Meaning {
        report: Some(report),
        at: complaint.timestamp,
        provider_code: complaint.sub_type.or(complaint.feedback),
        suppress: suppress(complaint.recipients, true),
    })
}

fn suppress(recipients: Vec<Recipient>, complaint: bool) -> Vec<Suppress> {
    recipients
        .into_iter()
        .map(|recipient| Suppress { address: bare(recipient.email_address), complaint })
        .collect()
}

/// The address without a display name.
fn bare(mailbox: String) -> String {
    match mailbox.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((_, address)) => address.to_owned(),
        None => mailbox,
    }
}
