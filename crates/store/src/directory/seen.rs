//! Inbound messages that said something about opting out: when each was first seen, so that a repeat of the call changes nothing.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::{Channel, OrgId, Timestamp};

use crate::item::{Reader, Writer, n, s, time};
use crate::{Result, Store, StoreError, keys};

/// Twilio keeps messages for 400 days, so nobody has an older call to repeat.
const KEPT_FOR: Duration = Duration::from_hours(400 * 24);

impl Store {
    /// When the message with this id of the provider was first seen: `now`, unless it was seen before. Providers repeat calls, and their
    /// signatures hold for ever.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn first_seen(
        &self,
        org: &OrgId,
        channel: Channel,
        provider_message_id: &str,
        now: Timestamp,
    ) -> Result<Timestamp> {
        let item = Writer::default()
            .set("pk", s(keys::seen(org)))
            .set("sk", s(format!("{channel}#{provider_message_id}")))
            .set("at", time(now))
            .set("ttl", n((now + KEPT_FOR).secs()))
            .done();
        let result = self
            .client
            .put_item()
            .table_name(&self.tables.directory)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match result {
            Ok(_) => Ok(now),
            Err(SdkError::ServiceError(e)) => match e.into_err() {
                PutItemError::ConditionalCheckFailedException(refused) => match &refused.item {
                    Some(seen) => Reader(seen).time("at"),
                    None => Ok(now),
                },
                other => Err(StoreError::service("PutItem", other)),
            },
            Err(e) => Err(StoreError::call("PutItem")(e)),
        }
    }
}
