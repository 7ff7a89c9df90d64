//! Batch calls. Their 200 is not success: what DynamoDB leaves undone is done again, here and nowhere else.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, PutRequest,
    ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::item::Item;
use crate::{Result, Store, StoreError};

/// Items in one `BatchWriteItem`, statements in one `BatchExecuteStatement` (the API's limit).
const BATCH: usize = 25;
/// Batches under way at once: enough to hide the round trips, few enough not to provoke throttling.
const CONCURRENT: usize = 8;
const TRIES: u32 = 6;

/// A conditional PartiQL statement with its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) parameters: Vec<AttributeValue>,
}

/// What one statement of a batch came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Executed {
    /// It was carried out.
    Done,
    /// Its condition did not hold, or the item that it inserts exists.
    Refused,
}

async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(25) * 2u32.pow(attempt)).await;
}

impl Store {
    /// Puts items that nobody else writes, in any order.
    pub(crate) async fn put_all(&self, table: &str, items: Vec<Item>) -> Result<()> {
        let batches: Vec<Vec<Item>> = items.chunks(BATCH).map(<[Item]>::to_vec).collect();
        stream::iter(batches)
            .map(|batch| self.put_batch(table, batch))
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await
    }

    async fn put_batch(&self, table: &str, batch: Vec<Item>) -> Result<()> {
        let undone =
            |left| StoreError::Undone { operation: "BatchWriteItem", left, code: "unprocessed".into() };
        let mut requests = Vec::with_capacity(batch.len());
        for item in batch {
            let put = PutRequest::builder().set_item(Some(item)).build().map_err(|_| undone(1))?;
            requests.push(WriteRequest::builder().put_request(put).build());
        }
        for attempt in 0..TRIES {
            let answer = self
                .client
                .batch_write_item()
                .request_items(table, requests)
                .send()
                .await
                .map_err(StoreError::call("BatchWriteItem"))?;
            requests = answer.unprocessed_items.and_then(|mut left| left.remove(table)).unwrap_or_default();
            if requests.is_empty() {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(undone(requests.len()))
    }

    /// Carries out conditional statements, each judged by itself, and answers in their order.
    pub(crate) async fn execute_all(&self, statements: Vec<Statement>) -> Result<Vec<Executed>> {
        let batches: Vec<Vec<Statement>> = statements.chunks(BATCH).map(<[Statement]>::to_vec).collect();
        let done: Vec<Vec<Executed>> = stream::iter(batches)
            .map(|batch| self.execute_batch(batch))
            .buffered(CONCURRENT)
            .try_collect()
            .await?;
        Ok(done.into_iter().flatten().collect())
    }

    async fn execute_batch(&self, batch: Vec<Statement>) -> Result<Vec<Executed>> {
        let mut results: Vec<Option<Executed>> = vec![None; batch.len()];
        let mut code = String::new();
        for attempt in 0..TRIES {
            let left: Vec<usize> = (0..batch.len()).filter(|i| results.get(*i) == Some(&None)).collect();
            if left.is_empty() {
                break;
            }
            if attempt > 0 {
                pause(attempt).await;
            }
            for (index, answer) in left.iter().zip(self.execute_once(&batch, &left).await?) {
                match answer {
                    Ok(executed) => results[*index] = Some(executed),
                    Err(refusal) => code = refusal,
                }
            }
        }
        let left = results.iter().filter(|result| result.is_none()).count();
        results.into_iter().collect::<Option<Vec<_>>>().ok_or(StoreError::Undone {
            operation: "BatchExecuteStatement",
            left,
            code,
        })
    }

    /// One call for the statements at `indexes`: per statement its result, or the code of an error that passes.
    async fn execute_once(
        &self,
        batch: &[Statement],
        indexes: &[usize],
    ) -> Result<Vec<std::result::Result<Executed, String>>> {
        let mut requests = Vec::with_capacity(indexes.len());
        for statement in indexes.iter().filter_map(|index| batch.get(*index)) {
            let request = BatchStatementRequest::builder()
                .statement(&statement.text)
                .set_parameters(Some(statement.parameters.clone()))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
                .build()
                .map_err(|e| StoreError::Call {
                    operation: "BatchExecuteStatement",
                    code: "build".into(),
                    source: e.into(),
                })?;
            requests.push(request);
        }
        let answer = self
            .client
            .batch_execute_statement()
            .set_statements(Some(requests))
            .send()
            .await
            .map_err(StoreError::call("BatchExecuteStatement"))?;
        let judged = answer.responses.unwrap_or_default().into_iter().map(|response| match response.error {
            None => Ok(Executed::Done),
            Some(error) => match error.code {
                Some(
                    BatchStatementErrorCodeEnum::DuplicateItem
                    | BatchStatementErrorCodeEnum::ConditionalCheckFailed,
                ) => Ok(Executed::Refused),
                other => Err(other.map_or_else(|| "no code".to_owned(), |code| code.as_str().to_owned())),
            },
        });
        Ok(judged.collect())
    }
}
