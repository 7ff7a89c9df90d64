//! What an action says: stored once, as it was accepted, and never changed.

use std::collections::BTreeMap;

use domain::content::Content;
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

pub(crate) fn to_item(org: &OrgId, id: BulkActionId, content: &FrozenContent) -> Item {
    Writer::default()
        .set("pk", s(keys::send(org, id.ulid())))
        .set("sk", s(keys::CONTENT))
        .set("content", json(content))
        .done()
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
                return Reader(item).json("content").map(Some);
            }
        }
        Ok(None)
    }
}
