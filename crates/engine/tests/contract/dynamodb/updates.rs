//! What updates do to an item.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures_util::future::join_all;

use super::{Table, code, item, key, n, s};
use crate::support::{contract, here};

fn set(numbers: &[i32]) -> AttributeValue {
    AttributeValue::Ns(numbers.iter().map(ToString::to_string).collect())
}

fn numbers(value: &AttributeValue) -> Vec<i32> {
    let mut numbers: Vec<i32> = value.as_ns().unwrap().iter().map(|n| n.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn adding_to_a_number_set_twice_is_adding_once() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let add = |slots: &[i32], returned| {
            table
                .update(key("a", "1"))
                .update_expression("ADD slots :slots")
                .expression_attribute_values(":slots", set(slots))
                .return_values(returned)
                .send()
        };
        let first = add(&[1, 2], ReturnValue::UpdatedNew).await.unwrap().attributes.unwrap();
        assert_eq!(numbers(&first["slots"]), [1, 2]);
        assert_eq!(first.len(), 1);
        let again = add(&[2, 1], ReturnValue::UpdatedNew).await.unwrap().attributes.unwrap();
        assert_eq!(numbers(&again["slots"]), [1, 2]);
        let more = add(&[2, 30], ReturnValue::AllNew).await.unwrap().attributes.unwrap();
        assert_eq!(numbers(&more["slots"]), [1, 2, 30]);
        assert_eq!(more["pk"], s("a"));
    })
    .await;
}

#[tokio::test]
async fn deleting_from_a_set_takes_the_last_element_and_the_set_with_it() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("1")), ("slots", set(&[1, 2]))])).await;
        let delete = |slots: &[i32]| {
            let update = table.update(key("a", "1")).update_expression("DELETE slots :slots");
            let update = update.expression_attribute_values(":slots", set(slots));
            update.return_values(ReturnValue::AllNew).send()
        };
        assert_eq!(numbers(&delete(&[2, 9]).await.unwrap().attributes.unwrap()["slots"]), [1]);
        assert!(!delete(&[1]).await.unwrap().attributes.unwrap().contains_key("slots"));
    })
    .await;
}

#[tokio::test]
async fn one_update_sets_adds_and_removes() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("1")), ("v", n(1)), ("note", s("x"))])).await;
        let updated = table
            .update(key("a", "1"))
            .update_expression(
                "SET #at = if_not_exists(#at, :at), history = list_append(if_not_exists(history, :empty), :entry) \
                 ADD v :two REMOVE note",
            )
            .expression_attribute_names("#at", "at_ms")
            .expression_attribute_values(":at", n(99))
            .expression_attribute_values(":empty", AttributeValue::L(vec![]))
            .expression_attribute_values(":entry", AttributeValue::L(vec![s("sent")]))
            .expression_attribute_values(":two", n(2))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .unwrap()
            .attributes
            .unwrap();
        assert_eq!(updated["v"], n(3));
        assert_eq!(updated["at_ms"], n(99));
        assert_eq!(updated["history"], AttributeValue::L(vec![s("sent")]));
        assert!(!updated.contains_key("note"));
    })
    .await;
}

#[tokio::test]
async fn many_additions_at_once_all_count() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let additions = (0..20).map(|_| {
            let update = table.update(key("a", "1")).update_expression("ADD v :one");
            update.expression_attribute_values(":one", n(1)).send()
        });
        assert!(join_all(additions).await.iter().all(Result::is_ok));
        assert_eq!(table.get("a", "1").await.unwrap()["v"], n(20));
    })
    .await;
}

#[tokio::test]
async fn paths_that_overlap_cannot_be_updated() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let map = AttributeValue::M(item([("b", n(1))]));
        table.has(item([("pk", s("a")), ("sk", s("1")), ("m", map)])).await;
        for expression in ["SET m.b = :v, m = :v", "SET v = :v ADD v :v"] {
            let update = table.update(key("a", "1")).update_expression(expression);
            let refused = update.expression_attribute_values(":v", n(1)).send().await;
            assert_eq!(code(refused), "ValidationException", "{expression}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_cannot_be_updated() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let update = table.update(key("a", "1")).update_expression("SET sk = :v");
        let refused = update.expression_attribute_values(":v", s("2")).send().await;
        assert_eq!(code(refused), "ValidationException");
    })
    .await;
}

#[tokio::test]
async fn numbers_are_exact_to_38_digits() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let long = "12345678901234567890123456789012345678";
        table.has(item([("pk", s("a")), ("sk", s("1")), ("v", n(long)), ("w", n("1.50"))])).await;
        let stored = table.get("a", "1").await.unwrap();
        assert_eq!((&stored["v"], &stored["w"]), (&n(long), &n("1.5")));
        let too_long = table.put(item([("pk", s("a")), ("sk", s("2")), ("v", n(format!("{long}9")))]));
        assert_eq!(code(too_long.send().await), "ValidationException");
    })
    .await;
}

#[tokio::test]
async fn an_item_may_have_400_kilobytes_and_no_more() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        // Names count too: pk, a, sk, 1, v.
        let names = 2 + 1 + 2 + 1 + 1;
        let of = |size: usize| item([("pk", s("a")), ("sk", s("1")), ("v", s("x".repeat(size - names)))]);
        table.put(of(400 * 1024)).send().await.unwrap();
        assert_eq!(code(table.put(of(400 * 1024 + 1)).send().await), "ValidationException");
        let grown = table.update(key("a", "1")).update_expression("SET w = :w");
        let grown = grown.expression_attribute_values(":w", s("y")).send().await;
        assert_eq!(code(grown), "ValidationException");
    })
    .await;
}

#[tokio::test]
async fn empty_strings_are_values_but_not_keys() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("1")), ("v", s(""))])).await;
        assert_eq!(table.get("a", "1").await.unwrap()["v"], s(""));
        assert_eq!(code(table.put(key("a", "")).send().await), "ValidationException");
        let in_index = table.put(item([("pk", s("a")), ("sk", s("2")), ("group_key", s(""))]));
        assert_eq!(code(in_index.send().await), "ValidationException");
    })
    .await;
}
