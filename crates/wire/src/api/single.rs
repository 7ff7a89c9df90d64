//! Messages to one recipient: single sends and replies.

use domain::{Channel, MemberId};
use serde_json::Value;

use super::content::{MessageRequest, Says, WhatsAppText, channel, says};
use super::fields::read;
use super::problem::Problem;

/// A request to send one message to one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SingleSend {
    /// Whom it is for.
    pub member_id: MemberId,
    /// What it says.
    pub message: MessageRequest,
}

impl SingleSend {
    /// Reads the body of `POST /messages`.
    ///
    /// # Errors
    /// 422 with everything that does not fit.
    pub fn read(body: &Value) -> Result<Self, Problem> {
        read(body, |f| {
            let member_id = f.required("member_id").id();
            let channel = channel(f);
            let says = says(f, channel, WhatsAppText::No);
            Some(Self { member_id: member_id?, message: MessageRequest { channel: channel?, says: says? } })
        })
    }
}

/// Reads the body of a reply in a conversation on `channel`.
///
/// # Errors
/// 422 with everything that does not fit.
pub fn read_reply(body: &Value, channel: Channel) -> Result<Says, Problem> {
    read(body, |f| says(f, Some(channel), WhatsAppText::Yes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::content::Body;
    use serde_json::json;

    fn fields(problem: Problem) -> Vec<String> {
        problem.errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_single_send_names_everything_that_does_not_fit() {
        let body = json!({ "member_id": "a b", "channel": "fax", "colour": "red" });
        let fields = fields(SingleSend::read(&body).unwrap_err());
        for field in ["member_id", "channel", "colour"] {
            assert!(fields.iter().any(|named| named == field), "{field} in {fields:?}");
        }
    }

    #[test]
    fn an_empty_request_lacks_everything_at_once() {
        let lacking = |body| fields(SingleSend::read(&body).unwrap_err());
        assert_eq!(lacking(json!({})), ["member_id", "channel", "body"]);
        let unknown = json!({ "member_id": "m1", "channel": "fax", "body": "Hi", "subject": "S" });
        assert_eq!(lacking(unknown), ["channel"], "what the channel decides is not called unknown");
    }

    #[test]
    fn free_text_on_whatsapp_is_for_replies() {
        let text = json!({ "body": "See you" });
        let says = read_reply(&text, Channel::WhatsApp).unwrap();
        assert_eq!(says, Says::Typed(Body::WhatsAppText { text: "See you".into() }));
        let single = json!({ "member_id": "m1", "channel": "whatsapp", "body": "See you" });
        assert_eq!(fields(SingleSend::read(&single).unwrap_err()), ["template_id"]);
    }

    #[test]
    fn a_reply_has_no_channel_of_its_own() {
        let body = json!({ "body": "Hi", "channel": "sms" });
        assert_eq!(fields(read_reply(&body, Channel::Sms).unwrap_err()), ["channel"]);
    }
}
