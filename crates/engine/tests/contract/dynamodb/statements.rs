//! `BatchExecuteStatement`: many conditional writes in one request, each judged by itself.

use aws_sdk_dynamodb::operation::batch_execute_statement::BatchExecuteStatementOutput;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum as Code, BatchStatementRequest, ConsumedCapacity,
    ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure as OnFailure,
};

use super::{Table, code, item, key, n, s};
use crate::support::{contract, here};

impl Table<'_> {
    fn insert(&self, sk: &str, v: i32) -> BatchStatementRequest {
        BatchStatementRequest::builder()
            .statement(format!("INSERT INTO \"{}\" VALUE {{'pk': ?, 'sk': ?, 'v': ?}}", self.name))
            .set_parameters(Some(vec![s("a"), s(sk), n(v)]))
            .build()
            .unwrap()
    }

    /// Sets `v` on condition that it is `seen`.
    fn advance(&self, sk: &str, seen: i32, v: i32, on_failure: OnFailure) -> BatchStatementRequest {
        let table = &self.name;
        BatchStatementRequest::builder()
            .statement(format!("UPDATE \"{table}\" SET v = ? WHERE pk = ? AND sk = ? AND v = ?"))
            .set_parameters(Some(vec![n(v), s("a"), s(sk), n(seen)]))
            .return_values_on_condition_check_failure(on_failure)
            .build()
            .unwrap()
    }

    async fn execute(&self, statements: Vec<BatchStatementRequest>) -> BatchExecuteStatementOutput {
        let batch = self.world.dynamodb.batch_execute_statement().set_statements(Some(statements));
        let batch = batch.return_consumed_capacity(ReturnConsumedCapacity::Total);
        batch.send().await.expect("the batch as a whole is accepted")
    }
}

fn codes(output: &BatchExecuteStatementOutput) -> Vec<Option<Code>> {
    output.responses().iter().map(|r| r.error().and_then(|error| error.code().cloned())).collect()
}

#[tokio::test]
async fn an_insert_of_a_key_that_exists_fails_alone() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("2")), ("v", n(20))])).await;
        let output =
            table.execute(vec![table.insert("1", 1), table.insert("2", 2), table.insert("3", 3)]).await;
        assert_eq!(codes(&output), [None, Some(Code::DuplicateItem), None]);
        assert_eq!(table.query("a").send().await.unwrap().count(), 3);
        assert_eq!(table.get("a", "2").await.unwrap()["v"], n(20));
    })
    .await;
}

#[tokio::test]
async fn an_update_whose_condition_fails_says_so_with_the_item_and_fails_alone() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        for sk in ["1", "2", "3"] {
            table.has(item([("pk", s("a")), ("sk", s(sk)), ("v", n(1))])).await;
        }
        let output = table
            .execute(vec![
                table.advance("1", 1, 2, OnFailure::AllOld),
                table.advance("2", 7, 2, OnFailure::AllOld),
                table.advance("3", 7, 2, OnFailure::None),
            ])
            .await;
        assert_eq!(
            codes(&output),
            [None, Some(Code::ConditionalCheckFailed), Some(Code::ConditionalCheckFailed)]
        );
        let old = output.responses()[1].error().unwrap().item().unwrap();
        assert_eq!((&old["sk"], &old["v"]), (&s("2"), &n(1)));
        assert!(output.responses()[2].error().unwrap().item().is_none());
        assert_eq!(table.get("a", "1").await.unwrap()["v"], n(2));
        assert_eq!(table.get("a", "2").await.unwrap()["v"], n(1));
    })
    .await;
}

#[tokio::test]
async fn an_update_of_a_missing_item_fails_its_condition_and_makes_no_item() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let output = table.execute(vec![table.advance("none", 1, 2, OnFailure::AllOld)]).await;
        assert_eq!(codes(&output), [Some(Code::ConditionalCheckFailed)]);
        assert!(output.responses()[0].error().unwrap().item().is_none());
        assert_eq!(table.get("a", "none").await, None);
    })
    .await;
}

#[tokio::test]
async fn conditions_of_statements_look_at_other_attributes() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let slots = AttributeValue::Ns(vec!["1".into(), "5".into()]);
        table.has(item([("pk", s("a")), ("sk", s("1")), ("status", s("queued")), ("slots", slots)])).await;
        let statement = |condition: &str, parameters: Vec<AttributeValue>| {
            let parameters = [vec![s("sent"), s("a"), s("1")], parameters].concat();
            let update = "SET \"status\" = ? REMOVE note WHERE pk = ? AND sk = ? AND";
            BatchStatementRequest::builder()
                .statement(format!("UPDATE \"{}\" {update} {condition}", table.name))
                .set_parameters(Some(parameters))
                .build()
                .unwrap()
        };
        let refused =
            table.execute(vec![statement("\"status\" IN (?, ?)", vec![s("sent"), s("failed")])]).await;
        assert_eq!(codes(&refused), [Some(Code::ConditionalCheckFailed)]);
        let done = table
            .execute(vec![statement(
                "\"status\" IN (?, ?) AND contains(slots, ?) AND note IS MISSING",
                vec![s("queued"), s("sending"), n(5)],
            )])
            .await;
        assert_eq!(codes(&done), [None], "{:?}", done.responses());
        assert_eq!(table.get("a", "1").await.unwrap()["status"], s("sent"));
    })
    .await;
}

#[tokio::test]
async fn a_batch_has_at_most_25_statements() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        let inserts = |count: i32| (0..count).map(|n| table.insert(&n.to_string(), n)).collect::<Vec<_>>();
        let refused = world.dynamodb.batch_execute_statement().set_statements(Some(inserts(26))).send().await;
        assert_eq!(code(refused), "ValidationException");
        assert_eq!(codes(&table.execute(inserts(25)).await), vec![None; 25]);
    })
    .await;
}

#[tokio::test]
async fn a_statement_costs_what_a_single_write_costs_also_when_it_fails() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("1")), ("v", n(1))])).await;
        let units = |output: &BatchExecuteStatementOutput| -> f64 {
            output.consumed_capacity().iter().filter_map(ConsumedCapacity::capacity_units).sum()
        };
        let inserted = table.execute((2..12).map(|v| table.insert(&v.to_string(), v)).collect()).await;
        assert!((units(&inserted) - 10.0).abs() < 1e-9, "{}", units(&inserted));
        let half =
            vec![table.advance("1", 1, 2, OnFailure::AllOld), table.advance("2", 7, 2, OnFailure::AllOld)];
        let half = table.execute(half).await;
        assert!((units(&half) - 2.0).abs() < 1e-9, "{}", units(&half));
    })
    .await;
}

#[tokio::test]
async fn selects_in_a_batch_read_by_key() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        table.has(item([("pk", s("a")), ("sk", s("1")), ("v", n(1))])).await;
        let select = |sk: &str| {
            let statement = format!("SELECT * FROM \"{}\" WHERE pk = ? AND sk = ?", table.name);
            let request = BatchStatementRequest::builder().statement(statement).consistent_read(true);
            request.set_parameters(Some(vec![s("a"), s(sk)])).build().unwrap()
        };
        let output = table.execute(vec![select("1"), select("none")]).await;
        assert_eq!(output.responses()[0].item().unwrap()["v"], n(1));
        assert!(output.responses()[1].item().is_none());
        assert_eq!(key("a", "1").len(), 2);
    })
    .await;
}
