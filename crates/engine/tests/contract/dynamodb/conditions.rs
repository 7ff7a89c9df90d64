//! Conditional writes of single items.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure};
use futures_util::future::join_all;

use super::{Item, Table, code, item, key, n, s};
use crate::support::{contract, here};

/// The item that came with the refusal of a put whose condition does not hold.
fn found_by_put(result: Result<PutItemOutput, SdkError<PutItemError>>) -> Option<Item> {
    match result.unwrap_err().into_service_error() {
        PutItemError::ConditionalCheckFailedException(refusal) => refusal.item,
        other => panic!("{other:?}"),
    }
}

/// The same of an update.
fn found_by_update(result: Result<UpdateItemOutput, SdkError<UpdateItemError>>) -> Option<Item> {
    match result.unwrap_err().into_service_error() {
        UpdateItemError::ConditionalCheckFailedException(refusal) => refusal.item,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_put_whose_condition_fails_returns_the_item_that_is_there() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("1")), ("v", n(1))])).await;
        let put = || {
            table
                .put(item([("pk", s("a")), ("sk", s("1")), ("v", n(2))]))
                .condition_expression("attribute_not_exists(pk)")
        };
        let with = put().return_values_on_condition_check_failure(OnFailure::AllOld).send().await;
        assert_eq!(found_by_put(with).unwrap()["v"], n(1));
        assert!(found_by_put(put().send().await).is_none());
        assert_eq!(table.get("a", "1").await.unwrap()["v"], n(1));
    })
    .await;
}

#[tokio::test]
async fn a_put_returns_what_it_replaced() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let put = |v| {
            let put = table.put(item([("pk", s("a")), ("sk", s("1")), ("v", n(v))]));
            put.return_values(ReturnValue::AllOld).send()
        };
        assert!(put(1).await.unwrap().attributes.is_none_or(|old| old.is_empty()));
        assert_eq!(put(2).await.unwrap().attributes.unwrap()["v"], n(1));
    })
    .await;
}

#[tokio::test]
async fn an_update_whose_condition_fails_returns_the_old_item_and_changes_nothing() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("1")), ("version", n(7)), ("state", s("queued"))])).await;
        let failed = table
            .update(key("a", "1"))
            .update_expression("SET version = :next, #state = :state")
            .condition_expression("version = :seen")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":next", n(7))
            .expression_attribute_values(":seen", n(6))
            .expression_attribute_values(":state", s("sent"))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        let old = found_by_update(failed).unwrap();
        assert_eq!((&old["version"], &old["state"]), (&n(7), &s("queued")));
        assert_eq!(table.get("a", "1").await.unwrap(), old);
    })
    .await;
}

#[tokio::test]
async fn an_update_on_condition_of_existence_makes_no_item() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let failed = table
            .update(key("a", "1"))
            .update_expression("SET v = :v")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":v", n(1))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        assert!(found_by_update(failed).is_none());
        assert_eq!(table.get("a", "1").await, None);
    })
    .await;
}

#[tokio::test]
async fn of_many_claims_at_once_one_wins() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(key("a", "parcel")).await;
        let claims = (0..16).map(|holder| {
            table
                .update(key("a", "parcel"))
                .update_expression("SET holder = :holder")
                .condition_expression("attribute_not_exists(holder) OR claim_until < :now")
                .expression_attribute_values(":holder", s(format!("h{holder}")))
                .expression_attribute_values(":now", n(5))
                .send()
        });
        let won = join_all(claims).await.into_iter().flatten().count();
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test]
async fn a_delete_can_have_a_condition_and_returns_what_it_deleted() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("1")), ("v", n(1))])).await;
        let delete = |v: i32| {
            let delete = world.dynamodb.delete_item().table_name(&table.name).set_key(Some(key("a", "1")));
            let delete = delete.condition_expression("v = :v").expression_attribute_values(":v", n(v));
            delete.return_values(ReturnValue::AllOld).send()
        };
        assert_eq!(code(delete(2).await), "ConditionalCheckFailedException");
        assert_eq!(delete(1).await.unwrap().attributes.unwrap()["v"], n(1));
        assert_eq!(table.get("a", "1").await, None);
    })
    .await;
}

#[tokio::test]
async fn conditions_compare_look_inside_and_combine() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let tags = aws_sdk_dynamodb::types::AttributeValue::Ss(vec!["x".into(), "y".into()]);
        table
            .has(item([("pk", s("a")), ("sk", s("1")), ("v", n(5)), ("text", s("hello")), ("tags", tags)]))
            .await;
        for (condition, holds) in [
            ("v BETWEEN :four AND :six", true),
            ("v IN (:four, :six)", false),
            ("size(#text) = :five", true),
            ("begins_with(#text, :he)", true),
            ("contains(tags, :x)", true),
            ("NOT contains(tags, :he)", true),
            ("attribute_type(v, :string)", false),
            ("(v > :six OR #text = :he) AND attribute_exists(pk)", false),
            ("attribute_not_exists(nothing) AND v <> :six", true),
        ] {
            let all = [
                (":four", n(4)),
                (":five", n(5)),
                (":six", n(6)),
                (":he", s("he")),
                (":x", s("x")),
                (":string", s("S")),
            ];
            let mut update = table
                .update(key("a", "1"))
                .update_expression("SET seen = :seen")
                .condition_expression(condition)
                .expression_attribute_values(":seen", n(1));
            for (name, value) in all.into_iter().filter(|(name, _)| condition.contains(name)) {
                update = update.expression_attribute_values(name, value);
            }
            if condition.contains("#text") {
                update = update.expression_attribute_names("#text", "text");
            }
            let updated = update.send().await;
            if holds {
                assert!(updated.is_ok(), "{condition}: {updated:?}");
            } else {
                assert_eq!(code(updated), "ConditionalCheckFailedException", "{condition}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn expressions_with_reserved_words_or_unused_values_are_refused() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let reserved = table.update(key("a", "1")).update_expression("SET status = :v");
        let reserved = reserved.expression_attribute_values(":v", n(1)).send().await;
        assert_eq!(code(reserved), "ValidationException");
        let unused = table.update(key("a", "1")).update_expression("SET v = :v");
        let unused = unused.expression_attribute_values(":v", n(1)).expression_attribute_values(":w", n(1));
        assert_eq!(code(unused.send().await), "ValidationException");
    })
    .await;
}
