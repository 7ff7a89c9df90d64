//! Sparse, keys-only indexes.

use aws_sdk_dynamodb::types::Select;

use super::{Item, Table, code, item, key, n, s, sks};
use crate::support::{contract, here};

fn indexed(sk: &str, group: &str, at: &str) -> Item {
    item([("pk", s("a")), ("sk", s(sk)), ("group_key", s(group)), ("at", s(at)), ("v", n(1))])
}

#[tokio::test]
async fn an_index_holds_only_items_with_both_of_its_keys() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(indexed("1", "g", "t1")).await;
        table.has(item([("pk", s("a")), ("sk", s("2")), ("group_key", s("g"))])).await;
        table.has(key("a", "3")).await;
        assert_eq!(sks(&table.query_index("g").send().await.unwrap().items.unwrap()), ["1"]);
    })
    .await;
}

#[tokio::test]
async fn a_keys_only_index_returns_keys_only() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(indexed("1", "g", "t1")).await;
        let items = table.query_index("g").send().await.unwrap().items.unwrap();
        let mut names: Vec<_> = items[0].keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["at", "group_key", "pk", "sk"]);
    })
    .await;
}

#[tokio::test]
async fn an_item_enters_moves_in_and_leaves_the_index_with_its_attribute() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(indexed("1", "g", "t1")).await;
        table.has(indexed("2", "g", "t2")).await;
        let order = async || {
            let items = table.query_index("g").send().await.unwrap().items.unwrap();
            sks(&items).join(" ")
        };
        assert_eq!(order().await, "1 2");
        let later = table.update(key("a", "1")).update_expression("SET #at = :at");
        let later = later.expression_attribute_names("#at", "at");
        later.expression_attribute_values(":at", s("t3")).send().await.unwrap();
        assert_eq!(order().await, "2 1");
        table.update(key("a", "2")).update_expression("REMOVE group_key").send().await.unwrap();
        assert_eq!(order().await, "1");
        table
            .update(key("a", "2"))
            .update_expression("SET group_key = :g")
            .expression_attribute_values(":g", s("g"))
            .send()
            .await
            .unwrap();
        assert_eq!(order().await, "2 1");
    })
    .await;
}

#[tokio::test]
async fn an_index_can_be_read_in_pages_through_equal_keys() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        for n in 0..7 {
            table.has(indexed(&n.to_string(), "g", "same")).await;
        }
        let mut seen = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let page = table.query_index("g").limit(3).set_exclusive_start_key(start).send().await.unwrap();
            seen.extend(sks(page.items()).into_iter().map(str::to_owned));
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        seen.sort();
        assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6"]);
    })
    .await;
}

#[tokio::test]
async fn a_range_of_an_index_finds_what_is_due() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        for (sk, at) in [("1", "2026-01-01"), ("2", "2026-01-02"), ("3", "2026-01-03")] {
            table.has(indexed(sk, "work", at)).await;
        }
        let due = world
            .dynamodb
            .query()
            .table_name(&table.name)
            .index_name("by-group")
            .key_condition_expression("group_key = :g AND #at <= :now")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":g", s("work"))
            .expression_attribute_values(":now", s("2026-01-02"))
            .send()
            .await
            .unwrap();
        assert_eq!(sks(due.items()), ["1", "2"]);
    })
    .await;
}

#[tokio::test]
async fn an_index_cannot_be_read_consistently() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        assert_eq!(code(table.query_index("g").consistent_read(true).send().await), "ValidationException");
    })
    .await;
}

#[tokio::test]
async fn attributes_that_an_index_lacks_cannot_be_selected() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let refused = table.query_index("g").select(Select::AllAttributes).send().await;
        assert_eq!(code(refused), "ValidationException");
    })
    .await;
}

#[tokio::test]
async fn a_key_of_an_index_must_have_its_type() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let wrong = table.put(item([("pk", s("a")), ("sk", s("1")), ("group_key", s("g")), ("at", n(1))]));
        assert_eq!(code(wrong.send().await), "ValidationException");
    })
    .await;
}
