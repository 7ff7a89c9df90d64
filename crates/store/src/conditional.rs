//! Conditional writes. A condition that does not hold is an answer, not an error; what stands in the way comes with it.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;

use crate::item::Item;
use crate::{Result, Store, StoreError};

/// What a conditional write came to.
#[derive(Debug)]
pub(crate) enum Conditional<T> {
    /// It was carried out; DynamoDB's answer.
    Done(T),
    /// Its condition did not hold. The item as it is, if the write asked for it and there is one.
    Refused(Option<Item>),
}

impl<T> Conditional<T> {
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// The error of an operation that takes a condition.
pub(crate) trait Conditioned:
    ProvideErrorMetadata + std::error::Error + Send + Sync + 'static
{
    /// The API operation.
    const OPERATION: &'static str;

    /// The refusal, if the condition did not hold.
    fn refusal(&self) -> Option<&ConditionalCheckFailedException>;
}

impl Conditioned for PutItemError {
    const OPERATION: &'static str = "PutItem";

    fn refusal(&self) -> Option<&ConditionalCheckFailedException> {
        match self {
            Self::ConditionalCheckFailedException(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl Conditioned for UpdateItemError {
    const OPERATION: &'static str = "UpdateItem";

    fn refusal(&self) -> Option<&ConditionalCheckFailedException> {
        match self {
            Self::ConditionalCheckFailedException(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// Tells a refusal from a call that gave no answer.
pub(crate) fn conditional<T, E: Conditioned>(
    result: std::result::Result<T, SdkError<E, HttpResponse>>,
) -> Result<Conditional<T>> {
    match result {
        Ok(done) => Ok(Conditional::Done(done)),
        Err(error) => match error.as_service_error().and_then(E::refusal) {
            Some(refusal) => Ok(Conditional::Refused(refusal.item.clone())),
            None => Err(StoreError::call(E::OPERATION)(error)),
        },
    }
}

impl Store {
    /// Writes an item unless there is one under its key, which is then answered.
    pub(crate) async fn put_new(&self, table: &str, item: Item) -> Result<Conditional<PutItemOutput>> {
        let put = self
            .client
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        conditional(put.send().await)
    }
}
