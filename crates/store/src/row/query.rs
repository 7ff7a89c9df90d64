//! Reading rows.

use domain::{MessageId, OrgId};
use ulid::Ulid;

use super::Row;
use super::item::from_item;
use crate::batch_get::Wanted;
use crate::item::{Item, key, n, s};
use crate::{Result, Store, StoreError, keys};

impl Store {
    /// A row, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn row(&self, org: &OrgId, id: MessageId) -> Result<Option<Row>> {
        let found = self.get(&self.tables.message_logs, key(keys::row(org, id), n(id.slot))).await?;
        found.as_ref().map(from_item).transpose()
    }

    /// All rows of a chunk by slot, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn rows_of_chunk(&self, org: &OrgId, send: Ulid, chunk: u32) -> Result<Vec<Row>> {
        let items = self
            .client
            .query()
            .table_name(&self.tables.message_logs)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(keys::rows(org, send, chunk)))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<Item>, _>>()
            .await
            .map_err(StoreError::call("Query"))?;
        items.iter().map(from_item).collect()
    }

    /// The rows with these ids, which are all different, in no particular order; those that do not exist are left out. Eventually consistent.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn rows(&self, org: &OrgId, ids: &[MessageId]) -> Result<Vec<Row>> {
        let wanted = Wanted { table: &self.tables.message_logs, strong: false, attributes: None };
        let wanted_keys: Vec<Item> = ids.iter().map(|id| key(keys::row(org, *id), n(id.slot))).collect();
        let items = self.get_all(wanted, &wanted_keys).await?;
        items.iter().map(from_item).collect()
    }
}
