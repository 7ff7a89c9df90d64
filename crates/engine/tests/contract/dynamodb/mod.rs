//! DynamoDB.

mod batches;
mod capacity;
mod conditions;
mod indexes;
mod queries;
mod statements;
mod tables;
mod transactions;
mod updates;

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    Projection, ProjectionType, ScalarAttributeType,
};

use crate::support::World;

type Item = HashMap<String, AttributeValue>;

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

#[expect(clippy::needless_pass_by_value, reason = "numbers and literals read better without a borrow")]
fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn key(pk: &str, sk: &str) -> Item {
    item([("pk", s(pk)), ("sk", s(sk))])
}

fn key_schema(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    [(hash, KeyType::Hash), (range, KeyType::Range)]
        .map(|(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap())
        .into()
}

/// A table as the product has them: string keys `pk` and `sk`, on demand, and a sparse index `by-group` on `group_key`
/// and `at` with keys only.
struct Table<'w> {
    world: &'w World,
    name: String,
}

impl<'w> Table<'w> {
    async fn new(world: &'w World) -> Table<'w> {
        let name = world.name("table");
        definition(world, &name).send().await.expect("the table is made");
        Table { world, name }
    }

    fn put(&self, item: Item) -> PutItemFluentBuilder {
        self.world.dynamodb.put_item().table_name(&self.name).set_item(Some(item))
    }

    /// Puts a plain item.
    async fn has(&self, item: Item) {
        self.put(item).send().await.expect("the item is written");
    }

    fn update(&self, key: Item) -> UpdateItemFluentBuilder {
        self.world.dynamodb.update_item().table_name(&self.name).set_key(Some(key))
    }

    async fn get(&self, pk: &str, sk: &str) -> Option<Item> {
        let get = self.world.dynamodb.get_item().table_name(&self.name).consistent_read(true);
        get.set_key(Some(key(pk, sk))).send().await.expect("items can be read").item
    }

    /// A strongly consistent query of one partition.
    fn query(&self, pk: &str) -> QueryFluentBuilder {
        let query = self.world.dynamodb.query().table_name(&self.name).consistent_read(true);
        query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", s(pk))
    }

    fn query_index(&self, group: &str) -> QueryFluentBuilder {
        let query = self.world.dynamodb.query().table_name(&self.name).index_name("by-group");
        query.key_condition_expression("group_key = :g").expression_attribute_values(":g", s(group))
    }
}

fn definition(world: &World, name: &str) -> CreateTableFluentBuilder {
    let attribute = |name| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let index = GlobalSecondaryIndex::builder()
        .index_name("by-group")
        .set_key_schema(Some(key_schema("group_key", "at")))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .unwrap();
    world
        .dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(["pk", "sk", "group_key", "at"].map(attribute).into()))
        .set_key_schema(Some(key_schema("pk", "sk")))
        .global_secondary_indexes(index)
}

/// The `sk` of items, in their order.
fn sks(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item["sk"].as_s().unwrap().as_str()).collect()
}

/// The code of the error that the service answered with.
fn code<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    let error = result.expect_err("the service refuses this");
    error.code().expect("the service says why").to_owned()
}
