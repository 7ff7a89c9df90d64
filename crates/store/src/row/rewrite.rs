//! Rewriting a row that waits: its member has another address or other values than when it was written.

use aws_sdk_dynamodb::types::ConditionCheck;
use domain::MessageStatus;

use super::Row;
use crate::item::{json, key, n, s};
use crate::transaction::{Committed, TRIES, Table, Write, contended, pause};
use crate::{Result, Store, StoreError, keys};

impl Store {
    /// Gives a row that waits, read as `seen`, the address and the values of `renewed`, as long as `holder` has its parcel. Answers whether it did:
    /// not if the row has moved or was emptied, or the claim is lost.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn rewrite_row(&self, seen: &Row, renewed: &Row, holder: &str) -> Result<bool> {
        let (Some(old), Some(address)) = (&seen.address, &renewed.address) else { return Ok(false) };
        let check = ConditionCheck::builder()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::send(&seen.org_id, seen.id.send)))
            .key("sk", s(keys::parcel(seen.id.chunk, seen.channel)))
            .condition_expression("holder = :me")
            .expression_attribute_values(":me", s(holder))
            .build()
            .map_err(|error| StoreError::Call {
                operation: "TransactWriteItems",
                code: "build".into(),
                source: error.into(),
            })?;
        let values = if renewed.values.is_empty() { " REMOVE vals" } else { ", vals = :values" };
        let write = Write::update(
            Table::MessageLogs,
            key(keys::row(&seen.org_id, seen.id), n(seen.id.slot)),
            format!("SET address = :address{values}"),
        )
        // What was emptied has no address any more, and stays empty.
        .when("#status = :queued AND address = :old")
        .name("#status", "status")
        .value(":queued", s(MessageStatus::Queued.as_str()))
        .value(":old", s(old.as_str()))
        .value(":address", s(address.as_str()));
        let write =
            if renewed.values.is_empty() { write } else { write.value(":values", json(&renewed.values)) };
        for attempt in 0..TRIES {
            match self.commit_while(check.clone(), write.clone()).await? {
                Committed::Yes => return Ok(true),
                Committed::No(failed) if !failed.is_empty() => return Ok(false),
                // Another's write held an item: that says nothing about the row.
                Committed::No(_) => pause(attempt).await,
            }
        }
        Err(contended())
    }
}
