//! Capacity units, by which the cost of a message is measured.

use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

use super::{Item, Table, code, item, key, n, s};
use crate::support::{World, contract, here};

/// An item of exactly `size` bytes: names and values of `pk`, `sk` and `v`.
fn sized(sk: &str, size: usize) -> Item {
    item([("pk", s("a")), ("sk", s(sk)), ("v", s("x".repeat(size - 6 - sk.len())))])
}

/// Units of the table and of `by-group`.
fn units(capacity: Option<&ConsumedCapacity>) -> (f64, f64) {
    let capacity = capacity.expect("the capacity was asked for");
    let table = capacity.table().and_then(aws_sdk_dynamodb::types::Capacity::capacity_units);
    let index = capacity.global_secondary_indexes().and_then(|indexes| indexes.get("by-group"));
    let index = index.and_then(aws_sdk_dynamodb::types::Capacity::capacity_units);
    let (table, index) = (table.unwrap_or(0.0), index.unwrap_or(0.0));
    assert_eq!(capacity.capacity_units(), Some(table + index), "the total is the sum of its parts");
    (table, index)
}

async fn put_cost(table: &Table<'_>, item: Item) -> (f64, f64) {
    let put = table.put(item).return_consumed_capacity(ReturnConsumedCapacity::Indexes);
    units(put.send().await.unwrap().consumed_capacity())
}

async fn indexed_row(world: &World) -> Table<'_> {
    let table = Table::new(world).await;
    table
        .has(item([("pk", s("a")), ("sk", s("1")), ("group_key", s("g")), ("at", s("t1")), ("v", n(1))]))
        .await;
    table
}

#[tokio::test]
async fn a_write_costs_one_unit_for_each_kilobyte() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        assert_eq!(put_cost(&table, sized("1", 1024)).await, (1.0, 0.0));
        assert_eq!(put_cost(&table, sized("2", 1025)).await, (2.0, 0.0));
        // The larger of what was there and what is written counts.
        assert_eq!(put_cost(&table, sized("2", 100)).await, (2.0, 0.0));
    })
    .await;
}

#[tokio::test]
async fn a_row_in_a_keys_only_index_costs_one_unit_more_when_it_is_made() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let row = item([("pk", s("a")), ("sk", s("1")), ("group_key", s("g")), ("at", s("t1")), ("v", n(1))]);
        assert_eq!(put_cost(&table, row).await, (1.0, 1.0));
    })
    .await;
}

#[tokio::test]
async fn a_change_of_status_costs_nothing_in_a_keys_only_index() {
    contract(here!(), async |world| {
        let table = indexed_row(&world).await;
        let update = table.update(key("a", "1")).update_expression("SET v = :v");
        let update = update.expression_attribute_values(":v", n(2));
        let update = update.return_consumed_capacity(ReturnConsumedCapacity::Indexes).send().await.unwrap();
        assert_eq!(units(update.consumed_capacity()), (1.0, 0.0));
    })
    .await;
}

#[tokio::test]
async fn a_move_within_an_index_costs_two_units_there_and_leaving_it_one() {
    contract(here!(), async |world| {
        let table = indexed_row(&world).await;
        let update = |expression: &str| {
            let update = table.update(key("a", "1")).update_expression(expression);
            update.return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        };
        let moved = update("SET #at = :at").expression_attribute_names("#at", "at");
        let moved = moved.expression_attribute_values(":at", s("t2")).send().await.unwrap();
        assert_eq!(units(moved.consumed_capacity()), (1.0, 2.0));
        let left = update("REMOVE group_key").send().await.unwrap();
        assert_eq!(units(left.consumed_capacity()), (1.0, 1.0));
    })
    .await;
}

#[tokio::test]
async fn reads_cost_by_four_kilobytes_and_half_if_they_may_be_stale() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(sized("1", 4096)).await;
        table.has(sized("2", 4097)).await;
        let cost = async |sk: &str, consistent: bool| {
            let get = world.dynamodb.get_item().table_name(&table.name).set_key(Some(key("a", sk)));
            let get = get.consistent_read(consistent).return_consumed_capacity(ReturnConsumedCapacity::Total);
            get.send().await.unwrap().consumed_capacity.unwrap().capacity_units.unwrap()
        };
        assert!((cost("1", true).await - 1.0).abs() < 1e-9);
        assert!((cost("2", true).await - 2.0).abs() < 1e-9);
        assert!((cost("1", false).await - 0.5).abs() < 1e-9);
        assert!((cost("none", true).await - 1.0).abs() < 1e-9);
    })
    .await;
}

#[tokio::test]
async fn a_query_adds_up_sizes_before_it_rounds() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        for sk in 10..20 {
            table.has(sized(&sk.to_string(), 500)).await;
        }
        let query = table.query("a").return_consumed_capacity(ReturnConsumedCapacity::Total);
        let units = query.send().await.unwrap().consumed_capacity.unwrap().capacity_units.unwrap();
        assert!((units - 2.0).abs() < 1e-9, "{units}");
    })
    .await;
}

#[tokio::test]
async fn a_transaction_costs_double() {
    contract(here!(), async |world| {
        use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
        let table = Table::new(&world).await;
        let put = |sk| {
            let put = Put::builder().table_name(&table.name).set_item(Some(sized(sk, 100))).build().unwrap();
            TransactWriteItem::builder().put(put).build()
        };
        let output = world
            .dynamodb
            .transact_write_items()
            .transact_items(put("1"))
            .transact_items(put("2"))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .unwrap();
        let units: f64 = output.consumed_capacity().iter().filter_map(ConsumedCapacity::capacity_units).sum();
        assert!((units - 4.0).abs() < 1e-9, "{units}");
    })
    .await;
}

/// Its cost is therefore worked out from the item's size by whoever adds up units.
#[tokio::test]
async fn a_single_write_whose_condition_fails_does_not_say_what_it_cost() {
    contract(here!(), async |world| {
        let table = indexed_row(&world).await;
        let failed = table
            .update(key("a", "1"))
            .update_expression("SET v = :v")
            .condition_expression("v = :seen")
            .expression_attribute_values(":v", n(2))
            .expression_attribute_values(":seen", n(9))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await;
        let body = match failed.as_ref().unwrap_err().raw_response() {
            Some(response) => {
                String::from_utf8_lossy(response.body().bytes().unwrap_or_default()).into_owned()
            }
            None => panic!("the service answers"),
        };
        assert!(!body.contains("ConsumedCapacity"), "{body}");
        assert_eq!(code(failed), "ConditionalCheckFailedException");
    })
    .await;
}
