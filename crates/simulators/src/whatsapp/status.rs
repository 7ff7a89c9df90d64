//! Status webhooks.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{envelope, signed};
use crate::endings::Ending;
use crate::webhook::Webhook;
use crate::world::World;

/// What a message can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Sent,
    Delivered,
    Read,
    Failed,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }

    /// The reports on a message to a number with this ending.
    pub(super) fn course(ending: Ending, is_read: bool) -> &'static [Self] {
        match ending {
            Ending::Fails => &[Self::Sent, Self::Failed],
            Ending::Silent => &[],
            _ if is_read => &[Self::Sent, Self::Delivered, Self::Read],
            Ending::Refused | Ending::Stops | Ending::AnswerLost | Ending::Complains | Ending::Delivered => {
                &[Self::Sent, Self::Delivered]
            }
        }
    }
}

/// One status of one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusReport {
    pub(crate) org: String,
    pub(crate) phone_number_id: String,
    pub(crate) wamid: String,
    pub(crate) wa_id: String,
    pub(crate) status: Status,
    pub(crate) is_template: bool,
    /// The request's `biz_opaque_callback_data`, which comes back with every status.
    pub(crate) callback_data: Option<String>,
}

impl StatusReport {
    /// Whether both can go in one change of one webhook.
    pub(crate) fn is_for_same_number_as(&self, other: &Self) -> bool {
        self.org == other.org && self.phone_number_id == other.phone_number_id
    }

    fn to_json(&self, occurred_ms: i64) -> Value {
        let mut status = json!({
            "id": self.wamid,
            "status": self.status.name(),
            "timestamp": (occurred_ms / 1000).to_string(),
            "recipient_id": self.wa_id,
        });
        if let Some(data) = &self.callback_data {
            status["biz_opaque_callback_data"] = json!(data);
        }
        match self.status {
            Status::Sent | Status::Delivered => {
                let (kind, category) = if self.is_template {
                    ("regular", "marketing")
                } else {
                    ("free_customer_service", "service")
                };
                status["pricing"] = json!({
                    "billable": self.is_template, "pricing_model": "PMP", "type": kind, "category": category,
                });
            }
            Status::Read => {}
            Status::Failed => {
                status["errors"] = json!([{
                    "code": 131_026,
                    "title": "Message undeliverable",
                    "message": "Message undeliverable",
                    "error_data": {"details": "Message Undeliverable."},
                    "href": "/documentation/business-messaging/whatsapp/support/error-codes",
                }]);
            }
        }
        status
    }
}

/// The signed request with all these statuses, or `None` if the account is gone.
pub(crate) fn status_webhook<'a>(
    world: &World,
    first: &StatusReport,
    reports: impl Iterator<Item = (&'a StatusReport, i64)>,
) -> Option<Webhook> {
    let accounts = world.accounts();
    let account = accounts.whatsapp_of(Some(&first.org), Some(&first.phone_number_id))?;
    let statuses = reports.map(|(report, occurred_ms)| report.to_json(occurred_ms)).collect();
    Some(signed(world, account, &envelope(&first.phone_number_id, ("statuses", statuses))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAMID: &str = "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQUFERjg0NDEzNDdFODU3MUMxMAA=";

    fn report(status: Status, callback_data: Option<&str>) -> StatusReport {
        StatusReport {
            org: "demo".to_owned(),
            phone_number_id: "106540352242922".to_owned(),
            wamid: WAMID.to_owned(),
            wa_id: "16505551234".to_owned(),
            status,
            is_template: true,
            callback_data: callback_data.map(str::to_owned),
        }
    }

    fn status_of(sample: &str) -> Value {
        let sample: Value = serde_json::from_str(sample).unwrap();
        sample["entry"][0]["changes"][0]["value"]["statuses"][0].clone()
    }

    #[test]
    fn statuses_equal_the_samples() {
        let data = Some("m=01J0000000000000000000000;a=1");
        let failed = include_str!("../../../../tests/fixtures/whatsapp/status/derived-failed-131026.json");
        assert_eq!(report(Status::Failed, data).to_json(1_750_030_075_999), status_of(failed));
        let read = include_str!(
            "../../../../tests/fixtures/whatsapp/status/derived-read-v24-with-callback-data.json"
        );
        assert_eq!(report(Status::Read, data).to_json(1_750_030_101_000), status_of(read));
        let sent = include_str!("../../../../tests/fixtures/whatsapp/status/doc-sent.json");
        let mut sent = status_of(sent);
        sent.as_object_mut().unwrap().remove("conversation"); // absent since v24
        assert_eq!(report(Status::Sent, None).to_json(1_750_030_073_000), sent);
    }

    #[test]
    fn the_envelope_has_the_keys_of_the_sample() {
        let sample = include_str!(
            "../../../../tests/fixtures/whatsapp/status/doc-v24-no-conversation-no-pricing.json"
        );
        let mut sample: Value = serde_json::from_str(sample).unwrap();
        let statuses = sample["entry"][0]["changes"][0]["value"]["statuses"].clone();
        let mut built = envelope("106540352242922", ("statuses", statuses));
        for body in [&mut sample, &mut built] {
            assert!(body["entry"][0]["id"].take().is_string());
            assert!(
                body["entry"][0]["changes"][0]["value"]["metadata"]["display_phone_number"]
                    .take()
                    .is_string()
            );
        }
        assert_eq!(built, sample);
    }
}
