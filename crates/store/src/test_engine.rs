//! A store on an embedded engine, for this crate's tests and, by the feature `test-engine`, for those of the use cases. It is told where the
//! engine listens and knows nothing else of it.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_dynamodb::{Client, config};

use crate::directory::AddressKeys;
use crate::{Store, Tables};

/// A store on the engine at `url`, which must be empty. Of its tables there is only the directory.
///
/// # Panics
/// If the engine does not make the table: a test cannot go on.
pub async fn directory(url: &str, keys: AddressKeys) -> Store {
    directory_by(Client::from_conf(config(url).build()), keys).await
}

pub(crate) async fn directory_by(client: Client, keys: AddressKeys) -> Store {
    create_table(&client, "directory", ScalarAttributeType::S, None).await;
    let tables =
        Tables { directory: "directory".into(), bulk_actions: "none".into(), message_logs: "none".into() };
    Store::new(client, tables, keys)
}

/// The way to the engine at `url`: over plain HTTP, and without retries, so that a test sees the first answer.
pub(crate) fn config(url: &str) -> config::Builder {
    let credentials = config::Credentials::builder().access_key_id("test").secret_access_key("test");
    config::Builder::new()
        .behavior_version(config::BehaviorVersion::latest())
        .region(config::Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(credentials.provider_name("test").build())
        .retry_config(config::retry::RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
}

/// A table with the keys `pk` and `sk`; the index, if it has one, is given by its name and its partition key.
pub(crate) async fn create_table(
    client: &Client,
    table: &str,
    sk: ScalarAttributeType,
    index: Option<(&str, &str)>,
) {
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk", ScalarAttributeType::S))
        .attribute_definitions(attribute("sk", sk))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range));
    if let Some((name, by)) = index {
        let index = GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(by, KeyType::Hash))
            .key_schema(key("created", KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
        request = request
            .attribute_definitions(attribute(by, ScalarAttributeType::S))
            .attribute_definitions(attribute("created", ScalarAttributeType::S))
            .global_secondary_indexes(index.build().expect("an index has a name and keys"));
    }
    request.send().await.expect("the engine makes the table");
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
    attribute.build().expect("an attribute has a name and a type")
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
    key.build().expect("a key has a name and a kind")
}
