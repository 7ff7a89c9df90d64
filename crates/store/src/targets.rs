//! The frozen targets of an action, in blocks.

use std::time::Duration;

use domain::{BulkActionId, MemberId, OrgId, Timestamp};

use crate::action::BLOCK_TARGETS;
use crate::item::{Reader, Writer, n, s};
use crate::{Result, Store, StoreError, keys};

/// Targets are needed until their rows are written; then the rows are the truth. A refused request leaves its blocks to this.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);

impl Store {
    /// Writes the blocks of an action that is about to be accepted. Nobody reads them before the action exists.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; the blocks that were written expire.
    pub async fn freeze_targets(
        &self,
        org: &OrgId,
        id: BulkActionId,
        targets: &[MemberId],
        until: Timestamp,
    ) -> Result<()> {
        let ttl = (until + KEPT_FOR).secs();
        let items = targets.chunks(BLOCK_TARGETS).zip(0u32..).map(|(block, number)| {
            let ids: Vec<&str> = block.iter().map(MemberId::as_str).collect();
            Writer::default()
                .set("pk", s(keys::targets(org, id.ulid(), number)))
                .set("sk", s(keys::TARGETS))
                // Ids hold no space, and one text is smaller and faster than a list of texts.
                .set("ids", s(ids.join(" ")))
                .set("ttl", n(ttl))
                .done()
        });
        self.put_all(&self.tables.bulk_actions, items.collect()).await
    }

    /// One block of an action's targets, in their order; empty if there is none.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn targets(&self, org: &OrgId, id: BulkActionId, block: u32) -> Result<Vec<MemberId>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::targets(org, id.ulid(), block)))
            .key("sk", s(keys::TARGETS))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::call("GetItem"))?;
        match &answer.item {
            None => Ok(Vec::new()),
            Some(item) => {
                Reader(item).parsed("ids", |ids| ids.split(' ').map(|id| id.parse().ok()).collect())
            }
        }
    }
}
