//! What only the embedded engine can be asked: time that jumps, restarts, crashes, locks. Always run against it.

mod durability;
mod queues;
mod time;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};

pub(crate) async fn make_table(dynamodb: &aws_sdk_dynamodb::Client, name: &str) {
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder().attribute_name("pk");
    dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key)
        .attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build().unwrap())
        .send()
        .await
        .unwrap();
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
