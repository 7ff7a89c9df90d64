//! One message that a member wrote on WhatsApp, of whatever type
//! (<https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages>).

use domain::Timestamp;
use serde_json::{Map, Value};

use super::webhook::{Inbound, e164, unix_seconds};
use crate::webhook::{event_time, id, word};

/// Where the text of a message is, by its type. Types that are not here have none.
const TEXTS: &[(&str, &str)] = &[
    ("text", "/text/body"),
    ("button", "/button/text"),
    ("interactive", "/interactive/button_reply/title"),
    ("interactive", "/interactive/list_reply/title"),
    ("reaction", "/reaction/emoji"),
    ("image", "/image/caption"),
    ("video", "/video/caption"),
    ("document", "/document/caption"),
    ("location", "/location/name"),
    ("order", "/order/text"),
];

/// Types that have nothing more to say than their text, where they have one.
const PLAIN: [&str; 4] = ["text", "button", "interactive", "reaction"];

/// The message, or `None` if it is not one that a person wrote.
pub(super) fn read(message: &Value, received_at: Timestamp) -> Option<Inbound> {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let kind = text("/type")?;
    // "Ana changed their number": a notice by WhatsApp, which opens no reply window.
    if kind == "system" {
        return None;
    }
    let body = TEXTS.iter().filter(|(of, _)| *of == kind).find_map(|(_, pointer)| text(pointer));
    let plain = body.is_some() && PLAIN.contains(&kind.as_str());
    let media = (!plain).then(|| rest(message, &kind));
    Some(Inbound {
        provider_message_id: text("/id").and_then(id)?,
        from: text("/from").and_then(|from| e164(&from)),
        user_id: text("/from_user_id").and_then(id),
        text: body.unwrap_or_default(),
        context_id: text("/context/id").or_else(|| text("/reaction/message_id")).and_then(id),
        at: event_time(unix_seconds(message.get("timestamp")), received_at),
        media,
        kind: word(kind),
    })
}

/// The part of a message that is about its type, with the type: an `image` with its id, `contacts`, the `errors` of something that is not
/// supported.
fn rest(message: &Value, kind: &str) -> Value {
    let parts = ["type", kind, "errors"].into_iter();
    parts.filter_map(|name| Some((name.to_owned(), message.get(name)?.clone()))).collect::<Map<_, _>>().into()
}
