//! Tables and expiry.

use aws_sdk_dynamodb::types::{TimeToLiveSpecification, TimeToLiveStatus};

use super::{Table, code, definition, item, n, s};
use crate::support::{contract, here};

#[tokio::test]
async fn a_table_that_exists_cannot_be_made_again() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let again = definition(&world, &table.name).send().await;
        assert!(again.unwrap_err().into_service_error().is_resource_in_use_exception());
    })
    .await;
}

#[tokio::test]
async fn a_missing_table_is_an_error_that_the_sdk_knows() {
    contract(here!(), async |world| {
        let describe = world.dynamodb.describe_table().table_name(world.name("none")).send().await;
        assert!(describe.unwrap_err().into_service_error().is_resource_not_found_exception());
        let table = Table { world: &world, name: world.name("none") };
        let put = table.put(item([("pk", s("a")), ("sk", s("1"))])).send().await;
        assert_eq!(code(put), "ResourceNotFoundException");
    })
    .await;
}

#[tokio::test]
async fn an_expired_item_can_be_read_until_it_is_swept() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let specification =
            TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build().unwrap();
        let enable = world.dynamodb.update_time_to_live().table_name(&table.name);
        enable.time_to_live_specification(specification).send().await.unwrap();
        let described = world.dynamodb.describe_time_to_live().table_name(&table.name).send().await.unwrap();
        let described = described.time_to_live_description.unwrap();
        assert_eq!(described.attribute_name(), Some("ttl"));
        assert_eq!(described.time_to_live_status(), Some(&TimeToLiveStatus::Enabled));

        let past = world.now_ms() / 1000 - 60;
        table.has(item([("pk", s("a")), ("sk", s("1")), ("ttl", n(past))])).await;
        assert!(table.get("a", "1").await.is_some());
        assert_eq!(table.query("a").send().await.unwrap().count(), 1);
    })
    .await;
}
