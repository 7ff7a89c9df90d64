//! `BatchGetItem` and `BatchWriteItem`.

use aws_sdk_dynamodb::operation::batch_get_item::builders::BatchGetItemFluentBuilder;
use aws_sdk_dynamodb::operation::batch_write_item::builders::BatchWriteItemFluentBuilder;
use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};

use super::{Item, Table, code, key};
use crate::support::{contract, here};

impl Table<'_> {
    fn batch_get(&self, keys: Vec<Item>) -> BatchGetItemFluentBuilder {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build().unwrap();
        self.world.dynamodb.batch_get_item().request_items(&self.name, wanted)
    }

    fn batch_write(&self, requests: Vec<WriteRequest>) -> BatchWriteItemFluentBuilder {
        self.world.dynamodb.batch_write_item().request_items(&self.name, requests)
    }
}

fn put(sk: &str) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(key("a", sk))).build().unwrap();
    WriteRequest::builder().put_request(put).build()
}

fn delete(sk: &str) -> WriteRequest {
    let delete = DeleteRequest::builder().set_key(Some(key("a", sk))).build().unwrap();
    WriteRequest::builder().delete_request(delete).build()
}

fn puts(count: u32) -> Vec<WriteRequest> {
    (0..count).map(|n| put(&n.to_string())).collect()
}

#[tokio::test]
async fn a_hundred_items_can_be_read_at_once_and_missing_ones_are_left_out() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        for chunk in puts(99).chunks(25) {
            table.batch_write(chunk.to_vec()).send().await.unwrap();
        }
        let keys = |count: u32| (0..count).map(|n| key("a", &n.to_string())).collect::<Vec<_>>();
        let read = table.batch_get(keys(100)).send().await.unwrap();
        assert_eq!(read.responses.unwrap()[&table.name].len(), 99);
        assert!(read.unprocessed_keys.is_none_or(|keys| keys.is_empty()));
        assert_eq!(code(table.batch_get(keys(101)).send().await), "ValidationException");
        let twice = table.batch_get(vec![key("a", "1"), key("a", "1")]).send().await;
        assert_eq!(code(twice), "ValidationException");
    })
    .await;
}

#[tokio::test]
async fn twenty_five_items_can_be_written_at_once_and_no_more() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let written = table.batch_write(puts(25)).send().await.unwrap();
        assert!(written.unprocessed_items.is_none_or(|items| items.is_empty()));
        assert_eq!(table.query("a").send().await.unwrap().count(), 25);
        assert_eq!(code(table.batch_write(puts(26)).send().await), "ValidationException");
    })
    .await;
}

#[tokio::test]
async fn a_batch_puts_and_deletes_but_each_key_once() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(key("a", "1")).await;
        table.batch_write(vec![delete("1"), put("2")]).send().await.unwrap();
        assert_eq!(table.get("a", "1").await, None);
        assert!(table.get("a", "2").await.is_some());
        assert_eq!(code(table.batch_write(vec![put("3"), delete("3")]).send().await), "ValidationException");
    })
    .await;
}
