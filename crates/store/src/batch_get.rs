//! Reading items by their keys, one or many. An answer without an error is not complete: what DynamoDB leaves unread is asked for again.

use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::item::Item;
use crate::{Result, Store, StoreError};

/// Keys in one `BatchGetItem` (the API's limit).
const BATCH: usize = 100;
/// Batches under way at once.
const CONCURRENT: usize = 4;
/// Answers in a row that bring nothing.
const TRIES: u32 = 6;

/// What to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) table: &'a str,
    /// Whether every write counts that was answered before, at twice the price.
    pub(crate) strong: bool,
    /// The attributes that are wanted, separated by commas, none of them a reserved word; `None` for all.
    pub(crate) attributes: Option<&'static str>,
}

impl Store {
    /// The item under `key`, read strongly.
    pub(crate) async fn get(&self, table: &str, key: Item) -> Result<Option<Item>> {
        let request = self.client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
        Ok(request.send().await.map_err(StoreError::call("GetItem"))?.item)
    }

    /// The items that exist under `keys`, which are all different, in no particular order.
    pub(crate) async fn get_all(&self, wanted: Wanted<'_>, keys: &[Item]) -> Result<Vec<Item>> {
        let found: Vec<Vec<Item>> = stream::iter(keys.chunks(BATCH))
            .map(|batch| self.get_batch_of(wanted, batch.to_vec()))
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn get_batch_of(&self, wanted: Wanted<'_>, mut left: Vec<Item>) -> Result<Vec<Item>> {
        let undone =
            |left| StoreError::Undone { operation: "BatchGetItem", left, code: "unprocessed".into() };
        let mut found = Vec::with_capacity(left.len());
        let mut fruitless = 0;
        while !left.is_empty() {
            if fruitless == TRIES {
                return Err(undone(left.len()));
            }
            if fruitless > 0 {
                tokio::time::sleep(Duration::from_millis(25) * 2_u32.pow(fruitless)).await;
            }
            let asked = left.len();
            let request = KeysAndAttributes::builder()
                .set_keys(Some(left))
                .consistent_read(wanted.strong)
                .set_projection_expression(wanted.attributes.map(str::to_owned))
                .build()
                .map_err(|_| undone(asked))?;
            let call = self.client.batch_get_item().request_items(wanted.table, request);
            let answer = call.send().await.map_err(StoreError::call("BatchGetItem"))?;
            found.extend(
                answer.responses.and_then(|mut tables| tables.remove(wanted.table)).unwrap_or_default(),
            );
            let rest = answer.unprocessed_keys.and_then(|mut tables| tables.remove(wanted.table));
            left = rest.map_or_else(Vec::new, |rest| rest.keys);
            // Large items come in several answers, which is progress; an answer without any is throttling.
            fruitless = if left.len() < asked { 0 } else { fruitless + 1 };
        }
        Ok(found)
    }
}
