//! An organisation's conversations by their last message.

use std::collections::HashMap;

use domain::{ConversationId, OrgId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Conversation;
use super::item::{active, from_item, key_of, parse_active};
use crate::batch_get::Wanted;
use crate::item::{Item, Reader, s};
use crate::{Result, Store, StoreError};

/// Where a conversation stands in the list: when something was last written in it, then its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub id: ConversationId,
}

impl Store {
    /// The places of up to `limit` conversations behind `after`, the last active first, and whether there may be more. Eventually
    /// consistent; one that becomes active meanwhile moves to the front.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn activity(
        &self,
        org: &OrgId,
        after: Option<&Activity>,
        limit: usize,
    ) -> Result<(Vec<Activity>, bool)> {
        // No time of thirteen digits comes behind a tilde.
        let before = after.map_or_else(|| "~".to_owned(), |after| active(after.at, &after.id));
        let answer = self
            .client
            .query()
            .table_name(&self.tables.directory)
            .index_name("conversations")
            .key_condition_expression("conversations_key = :org AND #active < :before")
            .expression_attribute_names("#active", "active")
            .expression_attribute_values(":org", s(org.as_str()))
            .expression_attribute_values(":before", s(before))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(StoreError::call("Query"))?;
        let place = |item: &Item| Reader(item).parsed("active", parse_active);
        let places = answer.items().iter().map(place).collect::<Result<_>>()?;
        Ok((places, answer.last_evaluated_key.is_some()))
    }

    /// Those of these conversations, which are all different, that exist. Eventually consistent.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn conversations(
        &self,
        org: &OrgId,
        ids: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Conversation>> {
        let wanted = Wanted { table: &self.tables.directory, strong: false, attributes: None };
        let keys: Vec<Item> = ids.iter().map(|id| key_of(org, id)).collect();
        let items = self.get_all(wanted, &keys).await?;
        items.iter().map(|item| from_item(item).map(|found| (found.id.clone(), found))).collect()
    }
}
