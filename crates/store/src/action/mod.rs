//! Bulk actions and sends of one: the row with the counters, and what keeps concurrent writers of it apart.

mod item;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::counts::Counts;
use domain::{BulkActionId, BulkActionStatus, Dedupe, OrgId, Routing, SendSource, Timestamp};
use serde::{Deserialize, Serialize};

use crate::conditional::{Conditional, conditional};
use crate::item::{Item, key, n, s, time};
use crate::{Result, Store, StoreError, keys};
pub(crate) use item::{from_item, to_item};

/// How many targets a block holds: the unit of fan-out.
pub const BLOCK_TARGETS: usize = 1000;

/// How long a message is worth sending after it was to leave, unless the caller says otherwise.
pub const USEFUL_FOR: Duration = Duration::from_hours(24);

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

/// A bulk action, or a send of one message, which goes the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Whose it is.
    pub org_id: OrgId,
    /// Its id.
    pub id: BulkActionId,
    /// Which of the two it is.
    pub source: SendSource,
    /// Where it is.
    pub status: BulkActionStatus,
    /// Who asked for it.
    pub created_by: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it is to start, if not at once.
    pub schedule_at: Option<Timestamp>,
    /// Whether its start has been put on the queue.
    pub handed_out: bool,
    /// The action whose rows it sends again.
    pub retry_of: Option<BulkActionId>,
    /// The actions that send rows of this one again.
    pub retries: Vec<BulkActionId>,
    /// How it treats several channels.
    pub routing: Routing,
    /// Whether members who share an address get one message between them.
    pub dedupe: Dedupe,
    /// How its targets were named.
    pub selected: Option<Selected>,
    /// Frozen targets.
    pub targets: u32,
    /// Targets that were named more than once.
    pub duplicates_removed: u32,
    /// Rows that it has or will have.
    pub total: u64,
    /// What has not been handed over by then fails as expired.
    pub expires_at: Timestamp,
    /// When the last message should have left, as far as could be told at acceptance.
    pub estimated_completion: Option<Timestamp>,
    /// Days over which it is spread.
    pub spans_days: Option<u32>,
    /// When the last of its messages left that a provider has, as of [`Self::reconciled_at`].
    pub last_sent_at: Option<Timestamp>,
    /// Whether nothing of it waits for a sender any more, as far as reconcile has seen.
    pub sent_out: bool,
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
    /// Of what its counters are the sum; `None` if something may have been changing while they were added up.
    pub counted_of: Option<CountedOf>,
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
    /// When the fan-out was last driven again because something of it was lost.
    pub repaired_at: Option<Timestamp>,
    /// When something may next have to be done for it; `None` when nothing is expected.
    pub due_at: Option<Timestamp>,
    /// What was known of it when nothing was expected but that its parcels' turn comes.
    pub idle: Option<Idle>,
    /// Counts the writes of this item: the condition of the next one.
    pub version: u64,
}

/// Nothing is expected of an action but that the turn of its parcels comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// In this version of it: in a later one something has happened.
    pub version: u64,
    /// Before this time.
    pub until: Timestamp,
}

/// How the targets of an action were named. What was searched for is not kept: it may be a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selected {
    /// One by one.
    Listed,
    /// Everybody who matched.
    Matching {
        /// Whose unit was this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit_id: Option<String>,
        /// Who also matched a text.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        searched: bool,
    },
    /// As rows of an earlier action, to be sent again.
    Again,
}

/// Chunks as they were when they were added up. Every write of a chunk's counts moves its version on, so the same numbers mean the same counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedOf {
    /// How many there were.
    pub chunks: usize,
    /// Their versions, added up.
    pub versions: u64,
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
    /// What `by` asks for at `now`: to start at once, with no targets yet.
    pub fn accepted(org_id: OrgId, id: BulkActionId, by: &str, now: Timestamp) -> Self {
        Self {
            org_id,
            id,
            source: SendSource::BulkAction,
            status: BulkActionStatus::Queued,
            created_by: by.to_owned(),
            created_at: now,
            schedule_at: None,
            handed_out: true,
            retry_of: None,
            retries: Vec::new(),
            routing: Routing::All,
            dedupe: Dedupe::None,
            selected: None,
            targets: 0,
            duplicates_removed: 0,
            total: 0,
            expires_at: now + USEFUL_FOR,
            estimated_completion: None,
            spans_days: None,
            last_sent_at: None,
            sent_out: false,
            started_at: None,
            delegated_at: None,
            finished_at: None,
            corrected_at: None,
            failure_reason: None,
            counts: Counts::default(),
            counted_of: None,
            reconciled_at: None,
            counting_at: None,
            history: vec![Move { status: BulkActionStatus::Queued, at: now, by: by.to_owned() }],
            blocks_done: BTreeSet::new(),
            drives: 0,
            fan_out_at: now,
            repaired_at: None,
            due_at: Some(now + FAN_OUT_PATIENCE),
            idle: None,
            version: 1,
        }
    }

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
    /// An action, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn action(&self, org: &OrgId, id: BulkActionId) -> Result<Option<Action>> {
        let found =
            self.get(&self.tables.bulk_actions, key(keys::send(org, id.ulid()), s(keys::ACTION))).await?;
        found.as_ref().map(from_item).transpose()
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

    /// Makes an action that is idle due again at `at`, unless something has happened to it since it was read.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; then it stays due.
    pub async fn stay_idle(&self, action: &Action, at: Timestamp) -> Result<()> {
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::send(&action.org_id, action.id.ulid())))
            .key("sk", s(keys::ACTION))
            .update_expression("SET due_at = :at, version = :next, idle_version = :next")
            .condition_expression("version = :seen")
            .expression_attribute_values(":at", time(at))
            .expression_attribute_values(":next", n(action.version + 1))
            .expression_attribute_values(":seen", n(action.version));
        conditional(update.send().await).map(drop)
    }

    /// Makes an action due no later than `at`, so that reconcile looks at it. One that is due earlier stays so and only gets a new version: somebody
    /// may be looking at it already, and must not save when to look again without knowing of this.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn make_due(&self, org: &OrgId, id: BulkActionId, at: Timestamp) -> Result<()> {
        let update = || {
            let update = self.client.update_item().table_name(&self.tables.bulk_actions);
            let update = update.key("pk", s(keys::send(org, id.ulid()))).key("sk", s(keys::ACTION));
            update.expression_attribute_values(":one", n(1))
        };
        let earlier = update()
            .update_expression("SET due_at = :at, work_shard = :shard ADD version :one")
            .condition_expression("attribute_exists(pk) AND (attribute_not_exists(due_at) OR due_at > :at)")
            .expression_attribute_values(":at", time(at))
            .expression_attribute_values(":shard", s(keys::work_shard(id.ulid())));
        if conditional(earlier.send().await)?.is_done() {
            return Ok(());
        }
        let due = update().update_expression("ADD version :one").condition_expression("attribute_exists(pk)");
        conditional(due.send().await).map(drop)
    }
}
