//! `TransactWriteItems`.

use aws_sdk_dynamodb::operation::transact_write_items::builders::TransactWriteItemsFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput};
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as OnFailure,
    TransactWriteItem, Update,
};

use super::{Item, Table, code, item, key, n, s};
use crate::support::{contract, here};

impl Table<'_> {
    fn transact(&self, items: Vec<TransactWriteItem>) -> TransactWriteItemsFluentBuilder {
        self.world.dynamodb.transact_write_items().set_transact_items(Some(items))
    }

    fn put_new(&self, item: Item) -> TransactWriteItem {
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(pk)");
        let put = put.return_values_on_condition_check_failure(OnFailure::AllOld);
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    }

    fn add_one(&self, sk: &str) -> TransactWriteItem {
        let update = Update::builder().table_name(&self.name).set_key(Some(key("a", sk)));
        let update = update.update_expression("ADD v :one").expression_attribute_values(":one", n(1));
        TransactWriteItem::builder().update(update.build().unwrap()).build()
    }

    fn check_version(&self, sk: &str, version: i32) -> TransactWriteItem {
        let check = ConditionCheck::builder().table_name(&self.name).set_key(Some(key("a", sk)));
        let check = check.condition_expression("version = :v").expression_attribute_values(":v", n(version));
        let check = check.return_values_on_condition_check_failure(OnFailure::AllOld);
        TransactWriteItem::builder().condition_check(check.build().unwrap()).build()
    }
}

type Outcome = Result<TransactWriteItemsOutput, aws_sdk_dynamodb::error::SdkError<TransactWriteItemsError>>;

fn reasons(outcome: Outcome) -> Vec<CancellationReason> {
    match outcome.unwrap_err().into_service_error() {
        TransactWriteItemsError::TransactionCanceledException(canceled) => {
            canceled.cancellation_reasons.unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_transaction_puts_updates_deletes_and_checks_as_one() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("gone"))])).await;
        table.has(item([("pk", s("a")), ("sk", s("checked")), ("version", n(3))])).await;
        let delete =
            Delete::builder().table_name(&table.name).set_key(Some(key("a", "gone"))).build().unwrap();
        table
            .transact(vec![
                table.put_new(key("a", "new")),
                table.add_one("counter"),
                TransactWriteItem::builder().delete(delete).build(),
                table.check_version("checked", 3),
            ])
            .send()
            .await
            .unwrap();
        assert!(table.get("a", "new").await.is_some());
        assert_eq!(table.get("a", "counter").await.unwrap()["v"], n(1));
        assert_eq!(table.get("a", "gone").await, None);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_transaction_changes_nothing_and_gives_a_reason_for_each_item() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("taken")), ("v", n(7))])).await;
        table.has(item([("pk", s("a")), ("sk", s("checked")), ("version", n(3))])).await;
        let outcome = table
            .transact(vec![
                table.add_one("counter"),
                table.put_new(key("a", "taken")),
                table.check_version("checked", 4),
            ])
            .send()
            .await;
        let reasons = reasons(outcome);
        let codes: Vec<_> = reasons.iter().filter_map(CancellationReason::code).collect();
        assert_eq!(codes, ["None", "ConditionalCheckFailed", "ConditionalCheckFailed"]);
        assert!(reasons[0].item().is_none());
        assert_eq!(reasons[1].item().unwrap()["v"], n(7));
        assert_eq!(reasons[2].item().unwrap()["version"], n(3));
        assert_eq!(table.get("a", "counter").await, None);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_sent_again_with_its_token_is_applied_once() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let token = world.name("t").chars().rev().take(30).collect::<String>();
        for _ in 0..2 {
            table.transact(vec![table.add_one("counter")]).client_request_token(&token).send().await.unwrap();
        }
        assert_eq!(table.get("a", "counter").await.unwrap()["v"], n(1));
    })
    .await;
}

#[tokio::test]
async fn a_token_with_another_transaction_is_refused() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let token = world.name("t").chars().rev().take(30).collect::<String>();
        table.transact(vec![table.add_one("counter")]).client_request_token(&token).send().await.unwrap();
        let other = table.transact(vec![table.add_one("other")]).client_request_token(&token).send().await;
        assert!(other.unwrap_err().into_service_error().is_idempotent_parameter_mismatch_exception());
        assert_eq!(table.get("a", "other").await, None);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_has_at_most_100_items_and_each_item_once() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let puts =
            |count: u32| (0..count).map(|n| table.put_new(key("a", &n.to_string()))).collect::<Vec<_>>();
        assert_eq!(code(table.transact(puts(101)).send().await), "ValidationException");
        let twice = table.transact(vec![table.add_one("1"), table.add_one("1")]).send().await;
        assert_eq!(code(twice), "ValidationException");
        table.transact(puts(100)).send().await.unwrap();
        assert_eq!(table.query("a").send().await.unwrap().count(), 100);
    })
    .await;
}
