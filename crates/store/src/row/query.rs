//! Reading rows.

use std::collections::HashMap;

use domain::{MemberId, MessageId, OrgId};
use ulid::Ulid;

use super::Row;
use super::item::from_item;
use crate::batch_get::Wanted;
use crate::item::{Item, Reader, key, n, s};
use crate::{Result, Store, StoreError, keys};

/// Where a page of a member's timeline ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TimelinePosition {
    pk: String,
    slot: u16,
    created: String,
}

impl Store {
    /// A row, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn row(&self, org: &OrgId, id: MessageId) -> Result<Option<Row>> {
        self.read_row(org, id, true).await
    }

    /// A row with eventual consistency, at half the price: for news that usually adds nothing.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn row_eventually(&self, org: &OrgId, id: MessageId) -> Result<Option<Row>> {
        self.read_row(org, id, false).await
    }

    async fn read_row(&self, org: &OrgId, id: MessageId, consistent: bool) -> Result<Option<Row>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.message_logs)
            .key("pk", s(keys::row(org, id)))
            .key("sk", n(id.slot))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(StoreError::call("GetItem"))?;
        answer.item.as_ref().map(from_item).transpose()
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

    /// A page of a member's messages, newest first. Eventually consistent.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn rows_of_member(
        &self,
        org: &OrgId,
        member: &MemberId,
        limit: i32,
        from: Option<&TimelinePosition>,
    ) -> Result<(Vec<Row>, Option<TimelinePosition>)> {
        let start = from.map(|position| {
            HashMap::from([
                ("pk".to_owned(), s(&position.pk)),
                ("sk".to_owned(), n(position.slot)),
                ("member_key".to_owned(), s(keys::member_timeline(org, member))),
                ("created".to_owned(), s(&position.created)),
            ])
        });
        let answer = self
            .client
            .query()
            .table_name(&self.tables.message_logs)
            .index_name("by-member")
            .key_condition_expression("member_key = :member")
            .expression_attribute_values(":member", s(keys::member_timeline(org, member)))
            .scan_index_forward(false)
            .limit(limit)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(StoreError::call("Query"))?;
        let ids: Vec<MessageId> = answer.items().iter().map(id_of).collect::<Result<_>>()?;
        let next = answer.last_evaluated_key.as_ref().map(position).transpose()?;
        let mut rows = self.rows(org, &ids).await?;
        rows.sort_by_key(|row| std::cmp::Reverse(row.order()));
        Ok((rows, next))
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

fn id_of(item: &Item) -> Result<MessageId> {
    let read = Reader(item);
    let slot: u16 = read.number("sk")?;
    Ok(read.parsed("pk", |pk| keys::parse_row(pk, slot))?.1)
}

fn position(key: &Item) -> Result<TimelinePosition> {
    let read = Reader(key);
    Ok(TimelinePosition {
        pk: read.text("pk")?.to_owned(),
        slot: read.number("sk")?,
        created: read.text("created")?.to_owned(),
    })
}
