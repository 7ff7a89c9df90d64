//! Conditional writes, alone or several as one.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};
use domain::Timestamp;

use crate::item::{Item, n};
use crate::{Result, Store, StoreError};

/// How often a write is tried while others' transactions hold its item.
pub(crate) const TRIES: u32 = 10;

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Directory,
    BulkActions,
    MessageLogs,
}

/// A write of one item, with its condition.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    table: Table,
    kind: Kind,
    condition: String,
    names: HashMap<String, String>,
    values: Item,
}

#[derive(Debug, Clone)]
enum Kind {
    Put(Item),
    Update { key: Item, expression: String },
    Delete { key: Item },
}

/// What conditional writes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Committed {
    /// They were carried out.
    Yes,
    /// Nothing was: others wrote in between, or DynamoDB was busy. Holds the places of the writes whose condition did
    /// not hold.
    No(Vec<usize>),
}

/// The version after `seen`. It is a time where that is later, so that an item that was deleted and made again does not
/// come by the versions of its former life.
pub(crate) fn next_version(seen: u64, now: Timestamp) -> u64 {
    u64::try_from(now.millis()).unwrap_or(0).max(seen + 1)
}

/// Waits before a write is decided anew, longer each time.
pub(crate) async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(10) * 2_u32.pow(attempt.min(6))).await;
}

/// The error when others wrote the same items again and again.
pub(crate) fn contended() -> StoreError {
    StoreError::Undone { operation: "TransactWriteItems", left: 1, code: "contended".into() }
}

/// A write as the SDK's builders take it: what to do, condition, names, values. They refuse empty ones.
type Parts = (Kind, Option<String>, Option<HashMap<String, String>>, Option<Item>);

impl Write {
    fn new(table: Table, kind: Kind) -> Self {
        Self { table, kind, condition: String::new(), names: HashMap::new(), values: Item::new() }
    }

    pub(crate) fn put(table: Table, item: Item) -> Self {
        Self::new(table, Kind::Put(item))
    }

    pub(crate) fn update(table: Table, key: Item, expression: impl Into<String>) -> Self {
        Self::new(table, Kind::Update { key, expression: expression.into() })
    }

    pub(crate) fn delete(table: Table, key: Item) -> Self {
        Self::new(table, Kind::Delete { key })
    }

    /// Only if there is no such item.
    pub(crate) fn when_new(self) -> Self {
        self.when("attribute_not_exists(pk)")
    }

    pub(crate) fn when(mut self, condition: impl Into<String>) -> Self {
        self.condition = condition.into();
        self
    }

    /// Only if the item's version is `seen`, or if there is none and `seen` is 0.
    pub(crate) fn when_version(self, seen: u64) -> Self {
        if seen == 0 { self.when_new() } else { self.when("version = :seen").value(":seen", n(seen)) }
    }

    pub(crate) fn name(mut self, name: &str, attribute: &str) -> Self {
        self.names.insert(name.to_owned(), attribute.to_owned());
        self
    }

    pub(crate) fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    fn parts(self) -> Parts {
        let condition = (!self.condition.is_empty()).then_some(self.condition);
        let names = (!self.names.is_empty()).then_some(self.names);
        let values = (!self.values.is_empty()).then_some(self.values);
        (self.kind, condition, names, values)
    }

    fn in_transaction(self, table: &str) -> Result<TransactWriteItem> {
        let (kind, condition, names, values) = self.parts();
        let item = TransactWriteItem::builder();
        let built = match kind {
            Kind::Put(put) => Put::builder()
                .table_name(table)
                .set_item(Some(put))
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .map(|put| item.put(put)),
            Kind::Update { key, expression } => Update::builder()
                .table_name(table)
                .set_key(Some(key))
                .update_expression(expression)
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .map(|update| item.update(update)),
            Kind::Delete { key } => Delete::builder()
                .table_name(table)
                .set_key(Some(key))
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .map(|delete| item.delete(delete)),
        };
        built.map(aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder::build).map_err(|error| {
            StoreError::Call { operation: "TransactWriteItems", code: "build".into(), source: error.into() }
        })
    }
}

impl Store {
    /// Carries out `writes` as one, at most 100 of different items. A single write goes by itself, at half the price.
    pub(crate) async fn commit(&self, mut writes: Vec<Write>) -> Result<Committed> {
        match (writes.pop(), writes.is_empty()) {
            (None, _) => Ok(Committed::Yes),
            (Some(only), true) => self.commit_one(only).await,
            (Some(last), false) => {
                writes.push(last);
                self.commit_together(writes).await
            }
        }
    }

    /// Carries out a write by itself, again where another's transaction held the item. Answers whether its condition held.
    pub(crate) async fn commit_alone(&self, write: Write) -> Result<bool> {
        for attempt in 0..TRIES {
            match self.commit_one(write.clone()).await? {
                Committed::Yes => return Ok(true),
                Committed::No(failed) if !failed.is_empty() => return Ok(false),
                Committed::No(_) => pause(attempt).await,
            }
        }
        Err(contended())
    }

    fn table(&self, table: Table) -> &str {
        match table {
            Table::Directory => &self.tables.directory,
            Table::BulkActions => &self.tables.bulk_actions,
            Table::MessageLogs => &self.tables.message_logs,
        }
    }

    /// Carries out `write` only if `check` holds for an item that is left as it is.
    pub(crate) async fn commit_while(&self, check: ConditionCheck, write: Write) -> Result<Committed> {
        let check = TransactWriteItem::builder().condition_check(check).build();
        let table = self.table(write.table);
        self.transact(vec![check, write.in_transaction(table)?]).await
    }

    async fn commit_together(&self, writes: Vec<Write>) -> Result<Committed> {
        let in_transaction = |write: Write| {
            let table = self.table(write.table);
            write.in_transaction(table)
        };
        self.transact(writes.into_iter().map(in_transaction).collect::<Result<_>>()?).await
    }

    async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Committed> {
        match self.client.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(Committed::Yes),
            Err(SdkError::ServiceError(e)) => match e.err() {
                TransactWriteItemsError::TransactionCanceledException(cancelled)
                    if cancelled.cancellation_reasons().iter().all(passes) =>
                {
                    Ok(Committed::No(failed_conditions(cancelled.cancellation_reasons())))
                }
                TransactWriteItemsError::TransactionInProgressException(_) => Ok(Committed::No(Vec::new())),
                _ => Err(StoreError::call("TransactWriteItems")(SdkError::ServiceError(e))),
            },
            Err(e) => Err(StoreError::call("TransactWriteItems")(e)),
        }
    }

    async fn commit_one(&self, write: Write) -> Result<Committed> {
        let table = self.table(write.table);
        let (kind, condition, names, values) = write.parts();
        match kind {
            Kind::Put(item) => {
                let put = self.client.put_item().table_name(table).set_item(Some(item));
                let put = put.set_condition_expression(condition).set_expression_attribute_names(names);
                judged("PutItem", put.set_expression_attribute_values(values).send().await.map(drop))
            }
            Kind::Update { key, expression } => {
                let update = self.client.update_item().table_name(table).set_key(Some(key));
                let update = update.update_expression(expression).set_condition_expression(condition);
                let update = update.set_expression_attribute_names(names);
                judged("UpdateItem", update.set_expression_attribute_values(values).send().await.map(drop))
            }
            Kind::Delete { key } => {
                let delete = self.client.delete_item().table_name(table).set_key(Some(key));
                let delete = delete.set_condition_expression(condition).set_expression_attribute_names(names);
                judged("DeleteItem", delete.set_expression_attribute_values(values).send().await.map(drop))
            }
        }
    }
}

fn judged<E>(
    operation: &'static str,
    result: std::result::Result<(), SdkError<E, aws_sdk_dynamodb::config::http::HttpResponse>>,
) -> Result<Committed>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match result {
        Ok(()) => Ok(Committed::Yes),
        Err(error) => match error.code() {
            Some("ConditionalCheckFailedException") => Ok(Committed::No(vec![0])),
            // Another's transaction holds the item.
            Some("TransactionConflictException") => Ok(Committed::No(Vec::new())),
            _ => Err(StoreError::call(operation)(error)),
        },
    }
}

/// Whether a try with what is then there may succeed.
fn passes(reason: &CancellationReason) -> bool {
    matches!(
        reason.code(),
        None | Some(
            "None"
                | "ConditionalCheckFailed"
                | "TransactionConflict"
                | "ProvisionedThroughputExceeded"
                | "ThrottlingError"
        )
    )
}

fn failed_conditions(reasons: &[CancellationReason]) -> Vec<usize> {
    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    reasons.iter().enumerate().filter(|(_, reason)| failed(reason)).map(|(place, _)| place).collect()
}
