//! Parcels: the rows of one chunk on one channel, handed to a provider under one claim. See `infra/decisions/0001`.

mod claim;
mod item;

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use domain::pace::Load;
use domain::{Channel, OrgId, Timestamp};
use ulid::Ulid;

use crate::conditional::conditional;
use crate::item::{key, n, s, time};
use crate::row::Row;
use crate::{Result, Store, keys};
use item::from_item;
pub(crate) use item::to_item;

/// How long a claim holds after each move of the mark.
pub const CLAIM: Duration = Duration::from_mins(1);

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The chunk whose rows it holds.
    pub chunk: u32,
    /// The channel whose rows it holds.
    pub channel: Channel,
    /// Which pass over its rows this is, from 1. Rows that a provider refused for now belong to the next.
    pub pass: u32,
    /// Calls for rows of this pass in slots below the mark may have begun.
    pub mark: u16,
    /// When the mark last moved: the calls below it that nobody recorded began then or soon after.
    pub marked_at: Option<Timestamp>,
    /// When gate 1 looked at its recipients.
    pub gate1_at: Timestamp,
    /// When it may next be worked on.
    pub due_at: Timestamp,
    /// When its slots are likely to be free, if that is no longer what [`Self::due_at`] was planned by, which keeps its place among others.
    pub expected_at: Option<Timestamp>,
    /// It is not due before, whatever slots are free: a refused row waits until then.
    pub not_before: Option<Timestamp>,
    /// What its rows that wait come to, about.
    pub left: Load,
    /// For when it was last put on its queue: before [`Self::due_at`], nobody has done so yet.
    pub driven_at: Timestamp,
    /// When it was last put on its queue because its message was lost or its worker had stopped.
    pub repaired_at: Option<Timestamp>,
    /// How often that was done.
    pub repairs: u32,
    /// Claims that were made and not given back since the mark last moved.
    pub deaths: u32,
    /// Who works on it.
    pub claim: Option<Claim>,
    /// Whether every row is handed over or final.
    pub done: bool,
}

impl Parcel {
    /// A parcel of rows that have just been written, to be worked on at once.
    pub fn fresh(chunk: u32, channel: Channel, gate1_at: Timestamp, now: Timestamp) -> Self {
        Self {
            chunk,
            channel,
            pass: 1,
            mark: 0,
            marked_at: None,
            gate1_at,
            due_at: now,
            expected_at: None,
            not_before: None,
            left: Load::default(),
            driven_at: now,
            repaired_at: None,
            repairs: 0,
            deaths: 0,
            claim: None,
            done: false,
        }
    }

    /// Whether it waits for its time and nobody has put it on its queue for that.
    pub fn waits(&self) -> bool {
        !self.done && self.claim.is_none() && self.driven_at < self.due_at
    }

    /// Whether it is due at a time of its own, whatever its sender does before.
    pub fn has_its_time(&self, now: Timestamp) -> bool {
        self.not_before.is_some_and(|at| at > now)
    }

    /// When its slots are likely to be free, to a few seconds.
    pub fn turn_at(&self) -> Timestamp {
        self.expected_at.unwrap_or(self.due_at)
    }

    /// Whether a dispatcher may be calling, or may have called, the provider for a row that waits: under a claim, be it one that has run out and
    /// that nobody has taken over yet, or below the mark of the row's pass.
    pub fn has_in_hand(&self, row: &Row) -> bool {
        self.claim.is_some() || (row.pass == self.pass && row.id.slot < self.mark)
    }
}

/// How far the calls of a pass may have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Those for rows in slots below may have begun.
    pub slot: u16,
    /// What lies beyond, and waits.
    pub left: Load,
}

/// A claim on a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Fresh for every claim, so that the SDK's repeat of a claim that landed is told from somebody else's.
    pub holder: String,
    /// When it ends unless the mark moves before.
    pub until: Timestamp,
}

/// What an attempt to claim came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The parcel is ours. `abandoned` says that an earlier claim ended without having been given back: calls below the mark may have begun
    /// whose outcome nobody recorded.
    Won {
        /// The parcel as it is under our claim.
        parcel: Parcel,
        /// Whether an earlier holder was lost.
        abandoned: bool,
    },
    /// Somebody else works on it.
    Held {
        /// Until when, at least.
        until: Timestamp,
    },
    /// It is not due yet.
    NotDue {
        /// When it will be.
        at: Timestamp,
    },
    /// Nothing is left to do.
    Done,
    /// There is no such parcel.
    Missing,
}

/// Whether a write under a claim found the claim still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It did, and was carried out.
    Yes,
    /// The claim was lost; nothing was written.
    Lost,
}

/// How a holder gives a parcel back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Every row is handed over or final.
    Done,
    /// Rows beyond the mark are left; work goes on then.
    Later(Again),
    /// This pass is over; refused rows are tried again from then on.
    NextPass(Again),
}

/// When a parcel is to be worked on again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// When.
    pub at: Timestamp,
    /// Whether whoever gives it back puts it on its queue for then. If not, because that is too far ahead, reconcile hands it out.
    pub queued: bool,
    /// What is left of it.
    pub left: Load,
    /// When gate 1 looked at what is left of it.
    pub gate1_at: Timestamp,
}

impl Store {
    /// Writes a parcel once; one that exists is left as it is.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn create_parcel(&self, org: &OrgId, send: Ulid, parcel: &Parcel) -> Result<()> {
        self.put_new(&self.tables.bulk_actions, to_item(org, send, parcel)).await.map(drop)
    }

    /// All parcels of a send, read strongly, by chunk.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn parcels(&self, org: &OrgId, send: Ulid) -> Result<Vec<Parcel>> {
        let items = self.parts(org, send, keys::PARCEL).await?;
        items.iter().map(from_item).collect()
    }

    /// The parcel of a chunk and channel, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn parcel(
        &self,
        org: &OrgId,
        send: Ulid,
        chunk: u32,
        channel: Channel,
    ) -> Result<Option<Parcel>> {
        let found = self
            .get(&self.tables.bulk_actions, key(keys::send(org, send), s(keys::parcel(chunk, channel))))
            .await?;
        found.as_ref().map(from_item).transpose()
    }

    /// Makes a parcel that waits due at `at`, for somebody who then puts it on its queue for that time. Answers whether it is his to do: not if
    /// it was handed out, taken up or given back since it was read.
    ///
    /// # Errors
    /// If DynamoDB gives no answer: it may be his then, and is found as lost if he does not do it.
    pub async fn hand_out_parcel(
        &self,
        org: &OrgId,
        send: Ulid,
        parcel: &Parcel,
        at: Timestamp,
    ) -> Result<bool> {
        let update = self.update_parcel(org, send, parcel.chunk, parcel.channel);
        let update = update
            .update_expression("SET due_at = :at, driven_at = :at REMOVE expected_at")
            .expression_attribute_values(":at", time(at));
        if_untouched(update, parcel).await
    }

    /// Records when the slots of a parcel that waits are likely to be free, unless something was done with it since it was read.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn expect_parcel(&self, org: &OrgId, send: Ulid, parcel: &Parcel, at: Timestamp) -> Result<()> {
        let update = self.update_parcel(org, send, parcel.chunk, parcel.channel);
        let update =
            update.update_expression("SET expected_at = :at").expression_attribute_values(":at", time(at));
        if_untouched(update, parcel).await.map(drop)
    }

    /// Records that a parcel was put on its queue again at `at`, because its message was lost or its worker had stopped.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn parcel_repaired(
        &self,
        org: &OrgId,
        send: Ulid,
        parcel: &Parcel,
        at: Timestamp,
    ) -> Result<()> {
        let update = self.update_parcel(org, send, parcel.chunk, parcel.channel);
        let update = update
            .update_expression("SET driven_at = :at, repaired_at = :at ADD repairs :one")
            .expression_attribute_values(":one", n(1));
        driven(update, at).await
    }

    fn update_parcel(
        &self,
        org: &OrgId,
        send: Ulid,
        chunk: u32,
        channel: Channel,
    ) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::send(org, send)))
            .key("sk", s(keys::parcel(chunk, channel)))
    }
}

/// Updates a parcel that waits, unless it was handed out, taken up or given back since it was read. Answers whether it was done.
async fn if_untouched(update: UpdateItemFluentBuilder, parcel: &Parcel) -> Result<bool> {
    let update = update
        .condition_expression(
            "attribute_not_exists(finished) AND attribute_not_exists(holder) AND due_at = :due AND driven_at = :driven",
        )
        .expression_attribute_values(":due", time(parcel.due_at))
        .expression_attribute_values(":driven", time(parcel.driven_at));
    Ok(conditional(update.send().await)?.is_done())
}

/// Unless it was put there for as late or later.
async fn driven(update: UpdateItemFluentBuilder, at: Timestamp) -> Result<()> {
    let result = update
        .condition_expression("attribute_exists(pk) AND driven_at < :at")
        .expression_attribute_values(":at", time(at))
        .send()
        .await;
    conditional(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::MessageId;

    #[test]
    fn a_row_is_in_hand_under_a_claim_or_below_the_mark_of_its_pass() {
        let at = Timestamp::from_secs;
        let id = MessageId { send: Ulid::from_parts(1, 1), chunk: 0, slot: 5 };
        let row = Row::queued("o".parse().unwrap(), id, "m".parse().unwrap(), Channel::Sms, at(1));
        let parcel = Parcel::fresh(0, Channel::Sms, at(1), at(1));
        let claim = Some(Claim { holder: "h".into(), until: at(1) });
        assert!(!parcel.has_in_hand(&row));
        assert!(Parcel { claim, ..parcel.clone() }.has_in_hand(&row), "its holder may still be at it");
        assert!(!Parcel { mark: 5, ..parcel.clone() }.has_in_hand(&row));
        assert!(Parcel { mark: 6, ..parcel.clone() }.has_in_hand(&row));
        assert!(!Parcel { mark: 6, pass: 2, ..parcel }.has_in_hand(&row), "refused in the pass before");
    }
}
