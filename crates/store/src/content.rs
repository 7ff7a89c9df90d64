//! What an action says: stored once, as it was accepted, and never changed.

use std::collections::BTreeMap;

use domain::content::{Body, Content};
use domain::{BulkActionId, Channel, OrgId};
use serde::{Deserialize, Serialize};

use crate::item::{Item, Reader, Writer, json, s};
use crate::{Result, Store, StoreError, keys};

/// The frozen content of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenContent {
    /// One message per channel, in the order in which they were given.
    pub messages: Vec<Content>,
    /// How long each channel waits for receipts, in seconds, as it was set at acceptance.
    pub receipt_window_s: BTreeMap<Channel, u32>,
    /// The messages as the caller wrote them, for reading back.
    pub as_given: serde_json::Value,
}

impl FrozenContent {
    /// The message of `channel`.
    pub fn message(&self, channel: Channel) -> Option<&Content> {
        self.messages.iter().find(|message| message.body.channel() == channel)
    }
}

/// The item of an action's content. The parts of a mail have attributes of their own, as bare text and once: as JSON within JSON, two
/// parts of 100 KB could outgrow DynamoDB's 400 KB.
pub(crate) fn to_item(org: &OrgId, id: BulkActionId, content: &FrozenContent) -> Item {
    let mut small = content.clone();
    let mut mail = (None, None);
    if let Some((text, html)) = small.mail_mut() {
        mail = (Some(std::mem::take(text)), html.as_mut().map(std::mem::take));
    }
    for given in small.mails_as_given() {
        given.remove("body");
        given.remove("html");
    }
    Writer::default()
        .set("pk", s(keys::send(org, id.ulid())))
        .set("sk", s(keys::CONTENT))
        .set("content", json(&small))
        .maybe("mail_text", mail.0.map(s))
        .maybe("mail_html", mail.1.map(s))
        .done()
}

pub(crate) fn from_item(item: &Item) -> Result<FrozenContent> {
    let read = Reader(item);
    let mut content: FrozenContent = read.json("content")?;
    let (stored_text, stored_html) = (read.text_opt("mail_text")?, read.text_opt("mail_html")?);
    if let Some((text, html)) = content.mail_mut() {
        stored_text.unwrap_or_default().clone_into(text);
        *html = stored_html.map(str::to_owned);
    }
    for given in content.mails_as_given() {
        given.insert("body".into(), stored_text.unwrap_or_default().into());
        if let Some(html) = stored_html {
            given.insert("html".into(), html.into());
        }
    }
    Ok(content)
}

impl FrozenContent {
    /// The text and the HTML of the mail, if there is one.
    fn mail_mut(&mut self) -> Option<(&mut String, &mut Option<String>)> {
        self.messages.iter_mut().find_map(|message| match &mut message.body {
            Body::Email { text, html, .. } => Some((text, html)),
            Body::Sms { .. } | Body::WhatsAppText { .. } | Body::WhatsAppTemplate { .. } => None,
        })
    }

    /// The mails that were typed, as they were given.
    fn mails_as_given(&mut self) -> impl Iterator<Item = &mut serde_json::Map<String, serde_json::Value>> {
        let given =
            self.as_given.as_array_mut().into_iter().flatten().filter_map(serde_json::Value::as_object_mut);
        given.filter(|message| {
            message.get("channel").is_some_and(|channel| channel == Channel::Email.as_str())
                && !message.contains_key("template_id")
        })
    }
}

impl Store {
    /// What an action says. It never changes, so it is read with eventual consistency first and strongly only if it is not there yet.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn content(&self, org: &OrgId, id: BulkActionId) -> Result<Option<FrozenContent>> {
        for strongly in [false, true] {
            let answer = self
                .client
                .get_item()
                .table_name(&self.tables.bulk_actions)
                .key("pk", s(keys::send(org, id.ulid())))
                .key("sk", s(keys::CONTENT))
                .consistent_read(strongly)
                .send()
                .await
                .map_err(StoreError::call("GetItem"))?;
            if let Some(item) = &answer.item {
                return from_item(item).map(Some);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mail_of_two_full_parts_fits_into_an_item_and_comes_back_as_it_was() {
        let part = "\"\n".repeat(50 * 1024);
        let body = Body::Email { subject: "S".into(), text: part.clone(), html: Some(part.clone()) };
        let content = FrozenContent {
            messages: vec![Content { template_id: None, renderer: 1, body }],
            receipt_window_s: BTreeMap::from([(Channel::Email, 60)]),
            as_given: json!([{ "channel": "email", "subject": "S", "body": part, "html": part }]),
        };
        let id = "ba_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let item = to_item(&"o".parse().unwrap(), id, &content);
        let size: usize =
            item.iter().map(|(name, value)| name.len() + value.as_s().map_or(8, String::len)).sum();
        assert!(size < 250 * 1024, "{size} bytes");
        assert_eq!(from_item(&item).unwrap(), content);
    }
}
