//! A person writes to a business's number.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{display_number, envelope, signed};
use crate::webhook::Webhook;
use crate::world::World;

/// An inbound text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) org: String,
    pub(crate) phone_number_id: String,
    pub(crate) wamid: String,
    /// The person.
    pub(crate) wa_id: String,
    pub(crate) text: String,
    /// The wamid of the message that they swiped to answer.
    pub(crate) in_reply_to: Option<String>,
}

impl Message {
    /// Writing opens the window for the business's free-form messages.
    pub(crate) fn take_effect(&self, world: &World, at_ms: i64) {
        world.write_down(world.book.wrote(&self.phone_number_id, &self.wa_id, at_ms));
    }

    /// The signed request, or `None` if the account is gone.
    pub(crate) fn webhook(&self, world: &World, at_ms: i64) -> Option<Webhook> {
        let accounts = world.accounts();
        let account = accounts.whatsapp_of(Some(&self.org), Some(&self.phone_number_id))?;
        Some(signed(world, account, &self.body(at_ms)))
    }

    fn body(&self, at_ms: i64) -> Value {
        let mut message = json!({
            "from": self.wa_id,
            "id": self.wamid,
            "timestamp": (at_ms / 1000).to_string(),
            "type": "text",
            "text": {"body": self.text},
        });
        if let Some(wamid) = &self.in_reply_to {
            message["context"] = json!({"from": display_number(&self.phone_number_id), "id": wamid});
        }
        let last_four = self.wa_id.get(self.wa_id.len().saturating_sub(4)..).unwrap_or_default();
        let mut body = envelope(&self.phone_number_id, ("messages", json!([message])));
        body["entry"][0]["changes"][0]["value"]["contacts"] =
            json!([{"profile": {"name": format!("Member {last_four}")}, "wa_id": self.wa_id}]);
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_the_shape_of_the_sample() {
        let sample =
            include_str!("../../../../tests/fixtures/whatsapp/inbound/derived-text-reply-with-context.json");
        let mut sample: Value = serde_json::from_str(sample).unwrap();
        let message = Message {
            org: "demo".to_owned(),
            phone_number_id: "106540352242922".to_owned(),
            wamid: "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgB=".to_owned(),
            wa_id: "16505551234".to_owned(),
            text: "Please stop messaging me".to_owned(),
            in_reply_to: Some("wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQUFERjg0NDEzNDdFODU3MUMxMAA=".to_owned()),
        };
        let mut built = message.body(1_750_031_000_000);
        for body in [&mut sample, &mut built] {
            assert!(body["entry"][0]["id"].take().is_string());
            let value = &mut body["entry"][0]["changes"][0]["value"];
            assert!(value["metadata"]["display_phone_number"].take().is_string());
            assert!(value["messages"][0]["context"]["from"].take().is_string());
            assert!(value["contacts"][0]["profile"]["name"].take().is_string());
        }
        assert_eq!(built, sample);
    }
}
