//! Reading items of the directory.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::item::{Item, s};
use crate::{Result, Store, StoreError};

/// Keys in one `BatchGetItem` (the API's limit).
const BATCH: usize = 100;
/// Batches under way at once.
const CONCURRENT: usize = 4;
/// Tries without any progress.
const TRIES: u32 = 6;

/// The key attributes of an item.
pub(super) fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))])
}

/// An attribute that does not convert.
pub(super) fn corrupt(item: &Item, attribute: &str) -> StoreError {
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("?", String::as_str);
    StoreError::Corrupt { key: format!("{} / {}", part("pk"), part("sk")), attribute: attribute.to_owned() }
}

/// Whether a read sees every write that was answered before it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consistency {
    /// It does, at twice the price.
    Strong,
    /// It may lag, usually by milliseconds.
    Eventual,
}

impl Store {
    /// One item of the directory, read strongly.
    pub(super) async fn directory_item(&self, pk: &str, sk: &str) -> Result<Option<Item>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.directory)
            .set_key(Some(key(pk, sk)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::call("GetItem"))?;
        Ok(answer.item)
    }

    pub(super) async fn delete_directory_item(&self, pk: &str, sk: &str) -> Result<()> {
        let request = self.client.delete_item().table_name(&self.tables.directory);
        request.set_key(Some(key(pk, sk))).send().await.map_err(StoreError::call("DeleteItem"))?;
        Ok(())
    }

    /// The items of the directory that exist under `keys` (partition and sort keys), in any order.
    pub(super) async fn directory_items(
        &self,
        keys: BTreeSet<(String, String)>,
        consistency: Consistency,
    ) -> Result<Vec<Item>> {
        let keys: Vec<Item> = keys.iter().map(|(pk, sk)| key(pk, sk)).collect();
        let batches: Vec<Vec<Item>> = keys.chunks(BATCH).map(<[Item]>::to_vec).collect();
        let read: Vec<Vec<Item>> = stream::iter(batches)
            .map(|batch| self.get_batch(batch, consistency))
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await?;
        Ok(read.into_iter().flatten().collect())
    }

    async fn get_batch(&self, batch: Vec<Item>, consistency: Consistency) -> Result<Vec<Item>> {
        let table = self.tables.directory.as_str();
        let undone =
            |left| StoreError::Undone { operation: "BatchGetItem", left, code: "unprocessed".into() };
        let mut found = Vec::with_capacity(batch.len());
        let mut left = batch;
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
                .consistent_read(consistency == Consistency::Strong)
                .build()
                .map_err(|_| undone(asked))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(table, request)
                .send()
                .await
                .map_err(StoreError::call("BatchGetItem"))?;
            found.extend(answer.responses.and_then(|mut tables| tables.remove(table)).unwrap_or_default());
            left = answer
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(table))
                .map_or_else(Vec::new, |rest| rest.keys);
            // Large items come in several answers, which is progress; an answer without any is throttling.
            fruitless = if left.len() < asked { 0 } else { fruitless + 1 };
        }
        Ok(found)
    }
}
