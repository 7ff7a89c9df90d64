//! What only the embedded engine can be asked: time that jumps, restarts, crashes, locks. Always run against it.

mod durability;
mod queues;
mod time;

use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    Projection, ProjectionType, ScalarAttributeType,
};

pub(crate) async fn make_table(dynamodb: &aws_sdk_dynamodb::Client, name: &str) {
    table(dynamodb, name).send().await.unwrap();
}

/// A table with an index `by-owner`.
pub(crate) async fn make_indexed_table(dynamodb: &aws_sdk_dynamodb::Client, name: &str) {
    let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let index = GlobalSecondaryIndex::builder().index_name("by-owner").key_schema(hash("owner"));
    let request = table(dynamodb, name).attribute_definitions(text("owner"));
    request.global_secondary_indexes(index.projection(projection).build().unwrap()).send().await.unwrap();
}

fn table(dynamodb: &aws_sdk_dynamodb::Client, name: &str) -> CreateTableFluentBuilder {
    let request = dynamodb.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    request.key_schema(hash("pk")).attribute_definitions(text("pk"))
}

fn hash(attribute: &str) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(attribute).key_type(KeyType::Hash).build().unwrap()
}

fn text(attribute: &str) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(attribute);
    definition.attribute_type(ScalarAttributeType::S).build().unwrap()
}

pub(crate) async fn put(dynamodb: &aws_sdk_dynamodb::Client, table: &str, pk: &str, ttl: i64) {
    let put = dynamodb.put_item().table_name(table).item("pk", AttributeValue::S(pk.into()));
    put.item("ttl", AttributeValue::N(ttl.to_string())).send().await.unwrap();
}

pub(crate) async fn has(dynamodb: &aws_sdk_dynamodb::Client, table: &str, pk: &str) -> bool {
    let get = dynamodb.get_item().table_name(table).key("pk", AttributeValue::S(pk.into()));
    get.send().await.unwrap().item.is_some()
}

pub(crate) async fn make_queue(sqs: &aws_sdk_sqs::Client, name: &str) -> String {
    sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}
