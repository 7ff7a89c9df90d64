//! The work index: which actions are due.

use domain::{BulkActionId, OrgId, Timestamp};
use futures_util::future::try_join_all;

use crate::item::{Reader, s, time};
use crate::{Result, Store, StoreError, keys};

impl Store {
    /// Actions that are due, at most `limit` of each shard, those due longest first. Eventually consistent: what is missed now is found at the
    /// next tick.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn due_actions(&self, now: Timestamp, limit: i32) -> Result<Vec<(OrgId, BulkActionId)>> {
        let shards =
            try_join_all(keys::work_shards().map(|shard| self.due_in_shard(shard, now, limit))).await?;
        Ok(shards.into_iter().flatten().collect())
    }

    async fn due_in_shard(
        &self,
        shard: String,
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<(OrgId, BulkActionId)>> {
        let answer = self
            .client
            .query()
            .table_name(&self.tables.bulk_actions)
            .index_name("work")
            .key_condition_expression("work_shard = :shard AND due_at <= :now")
            .expression_attribute_values(":shard", s(shard))
            .expression_attribute_values(":now", time(now))
            .limit(limit)
            .send()
            .await
            .map_err(StoreError::call("Query"))?;
        answer.items().iter().map(|item| Reader(item).parsed("pk", keys::parse_send)).collect()
    }
}
