//! Bulk actions: the row with the counters, and what keeps concurrent writers of it apart.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValue, TransactWriteItem};
use domain::counts::Counts;
use domain::{BulkActionId, BulkActionStatus, OrgId, Routing, Timestamp};
use serde::{Deserialize, Serialize};

use crate::conditional::{Conditional, conditional};
use crate::content::FrozenContent;
use crate::item::{Item, Reader, Writer, json, n, s, time};
use crate::{Result, Store, StoreError, keys};

/// How many targets a block holds: the unit of fan-out.
pub const BLOCK_TARGETS: usize = 1000;

/// How long a fan-out may be silent before reconcile drives it again.
pub const FAN_OUT_PATIENCE: Duration = Duration::from_secs(150);

/// One move of an action, kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The status after it.
    pub status: BulkActionStatus,
    /// When.
    pub at: Timestamp,
    /// Who or what caused it: a caller's `sub`, a function, or `late_receipt`.
    pub by: String,
}

/// A bulk action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Whose it is.
    pub org_id: OrgId,
    /// Its id.
    pub id: BulkActionId,
    /// Where it is.
    pub status: BulkActionStatus,
    /// Who asked for it.
    pub created_by: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// How it treats several channels.
    pub routing: Routing,
    /// Frozen targets.
    pub targets: u32,
    /// Targets that were named more than once.
    pub duplicates_removed: u32,
    /// Rows that it has or will have.
    pub total: u64,
    /// What has not been handed over by then fails as expired.
    pub expires_at: Timestamp,
    /// When it left `queued`.
    pub started_at: Option<Timestamp>,
    /// When every row was written.
    pub delegated_at: Option<Timestamp>,
    /// When it first settled.
    pub finished_at: Option<Timestamp>,
    /// When a late receipt last moved it among the settled statuses.
    pub corrected_at: Option<Timestamp>,
    /// Why it failed as a whole.
    pub failure_reason: Option<String>,
    /// Its counters, as of [`Self::reconciled_at`].
    pub counts: Counts,
    /// When the rows were last counted.
    pub reconciled_at: Option<Timestamp>,
    /// When somebody last began to count because somebody else was looking.
    pub counting_at: Option<Timestamp>,
    /// Its moves, the first being its acceptance.
    pub history: Vec<Move>,
    /// Blocks whose rows are all written.
    pub blocks_done: BTreeSet<u32>,
    /// How often the fan-out was driven again without a block having been done since.
    pub drives: u32,
    /// When the fan-out last made progress or was last driven.
    pub fan_out_at: Timestamp,
    /// When something may next have to be done for it; `None` when nothing is expected.
    pub due_at: Option<Timestamp>,
    /// Counts the writes of this item: the condition of the next one.
    pub version: u64,
}

/// What a conditional write of an action came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It was written.
    Yes,
    /// Someone else wrote it since it was read: read again and decide anew.
    Stale,
}

impl<T> From<Conditional<T>> for Saved {
    fn from(write: Conditional<T>) -> Self {
        if write.is_done() { Self::Yes } else { Self::Stale }
    }
}

impl Action {
    /// Blocks that its targets are frozen in.
    pub fn blocks(&self) -> u32 {
        let blocks = (self.targets as usize).div_ceil(BLOCK_TARGETS);
        u32::try_from(blocks).unwrap_or(u32::MAX)
    }

    /// Rows that are not settled yet, those not written included.
    pub fn pending(&self) -> u64 {
        self.total.saturating_sub(self.counts.settled())
    }

    /// Puts it into `status`, with its mark in the history. The caller has asked [`BulkActionStatus::step`].
    pub fn enter(&mut self, status: BulkActionStatus, at: Timestamp, by: &str) {
        self.status = status;
        self.history.push(Move { status, at, by: by.to_owned() });
    }
}

impl Store {
    /// Writes an accepted action and its content, or nothing. A repeat by the SDK of a write that landed is taken for what it is.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; the action may then exist.
    pub async fn create_action(&self, action: &Action, content: &FrozenContent) -> Result<()> {
        let put = |item: Item| -> Result<TransactWriteItem> {
            let put = Put::builder()
                .table_name(&self.tables.bulk_actions)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .build()
                .map_err(|e| StoreError::Call {
                    operation: "TransactWriteItems",
                    code: "build".into(),
                    source: e.into(),
                })?;
            Ok(TransactWriteItem::builder().put(put).build())
        };
        let result = self
            .client
            .transact_write_items()
            .transact_items(put(to_item(action))?)
            .transact_items(put(crate::content::to_item(&action.org_id, action.id, content))?)
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            // Ids are fresh: an action that exists under ours was put there by an earlier try of this very call.
            Err(SdkError::ServiceError(e))
                if matches!(e.err(), TransactWriteItemsError::TransactionCanceledException(_)) =>
            {
                match self.action(&action.org_id, action.id).await? {
                    Some(found) if found.created_at == action.created_at => Ok(()),
                    _ => Err(StoreError::call("TransactWriteItems")(SdkError::ServiceError(e))),
                }
            }
            Err(e) => Err(StoreError::call("TransactWriteItems")(e)),
        }
    }

    /// An action, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn action(&self, org: &OrgId, id: BulkActionId) -> Result<Option<Action>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::send(org, id.ulid())))
            .key("sk", s(keys::ACTION))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::call("GetItem"))?;
        answer.item.as_ref().map(from_item).transpose()
    }

    /// Writes an action that was read, unless someone else wrote it since. On [`Saved::Yes`] the version is moved on.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; the write may then have happened, which a repeat finds out as [`Saved::Stale`].
    pub async fn save_action(&self, action: &mut Action) -> Result<Saved> {
        let seen = action.version;
        action.version += 1;
        let result = self
            .client
            .put_item()
            .table_name(&self.tables.bulk_actions)
            .set_item(Some(to_item(action)))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", n(seen))
            .send()
            .await;
        conditional(result).map(Saved::from)
    }

    /// Records that all rows of `block` are written, and answers the action as it then is. Doing it again changes nothing but the version.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn block_done(
        &self,
        org: &OrgId,
        id: BulkActionId,
        block: u32,
        now: Timestamp,
    ) -> Result<Action> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::send(org, id.ulid())))
            .key("sk", s(keys::ACTION))
            .update_expression("ADD blocks_done :block, version :one SET drives = :zero, fan_out_at = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":block", AttributeValue::Ns(vec![block.to_string()]))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":now", time(now))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(StoreError::call("UpdateItem"))?;
        from_item(answer.attributes.as_ref().unwrap_or(&Item::new()))
    }

    /// Makes an action due no later than `at`, so that reconcile looks at it. An action that is due earlier is left as it is.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn make_due(&self, org: &OrgId, id: BulkActionId, at: Timestamp) -> Result<()> {
        let result = self
            .client
            .update_item()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::send(org, id.ulid())))
            .key("sk", s(keys::ACTION))
            .update_expression("SET due_at = :at, work_shard = :shard ADD version :one")
            .condition_expression("attribute_exists(pk) AND (attribute_not_exists(due_at) OR due_at > :at)")
            .expression_attribute_values(":at", time(at))
            .expression_attribute_values(":shard", s(keys::work_shard(id.ulid())))
            .expression_attribute_values(":one", n(1))
            .send()
            .await;
        conditional(result).map(drop)
    }
}

fn to_item(action: &Action) -> Item {
    let counts = action.counts;
    let blocks = (!action.blocks_done.is_empty())
        .then(|| AttributeValue::Ns(action.blocks_done.iter().map(ToString::to_string).collect()));
    Writer::default()
        .set("pk", s(keys::send(&action.org_id, action.id.ulid())))
        .set("sk", s(keys::ACTION))
        .set("org_key", s(action.org_id.as_str()))
        .set("created", s(format!("{:013}#{}", action.created_at.millis(), action.id)))
        .set("status", s(action.status.as_str()))
        .set("created_by", s(&action.created_by))
        .set("created_at", time(action.created_at))
        .set("routing", json(&action.routing))
        .set("targets", n(action.targets))
        .set("duplicates_removed", n(action.duplicates_removed))
        .set("total", n(action.total))
        .set("expires_at", time(action.expires_at))
        .maybe("started_at", action.started_at.map(time))
        .maybe("delegated_at", action.delegated_at.map(time))
        .maybe("finished_at", action.finished_at.map(time))
        .maybe("corrected_at", action.corrected_at.map(time))
        .maybe("failure_reason", action.failure_reason.as_ref().map(s))
        .set("counts", json(&counts))
        .maybe("reconciled_at", action.reconciled_at.map(time))
        .maybe("counting_at", action.counting_at.map(time))
        .set("history", json(&action.history))
        .maybe("blocks_done", blocks)
        .set("drives", n(action.drives))
        .set("fan_out_at", time(action.fan_out_at))
        .maybe("due_at", action.due_at.map(time))
        .maybe("work_shard", action.due_at.map(|_| s(keys::work_shard(action.id.ulid()))))
        .set("version", n(action.version))
        .done()
}

pub(crate) fn from_item(item: &Item) -> Result<Action> {
    let read = Reader(item);
    let (org_id, id) = read.parsed("pk", keys::parse_send)?;
    Ok(Action {
        org_id,
        id,
        status: read.parsed("status", BulkActionStatus::from_name)?,
        created_by: read.text("created_by")?.to_owned(),
        created_at: read.time("created_at")?,
        routing: read.json("routing")?,
        targets: read.number("targets")?,
        duplicates_removed: read.number("duplicates_removed")?,
        total: read.number("total")?,
        expires_at: read.time("expires_at")?,
        started_at: read.time_opt("started_at")?,
        delegated_at: read.time_opt("delegated_at")?,
        finished_at: read.time_opt("finished_at")?,
        corrected_at: read.time_opt("corrected_at")?,
        failure_reason: read.text_opt("failure_reason")?.map(str::to_owned),
        counts: read.json("counts")?,
        reconciled_at: read.time_opt("reconciled_at")?,
        counting_at: read.time_opt("counting_at")?,
        history: read.json("history")?,
        blocks_done: read.numbers("blocks_done")?,
        drives: read.number("drives")?,
        fan_out_at: read.time("fan_out_at")?,
        due_at: read.time_opt("due_at")?,
        version: read.number("version")?,
    })
}
