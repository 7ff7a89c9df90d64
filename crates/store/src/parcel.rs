//! Parcels: the rows of one chunk on one channel, handed to a provider under one claim. See `infra/decisions/0001`.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::{Channel, OrgId, Timestamp};
use ulid::Ulid;

use crate::conditional::{Conditional, conditional};
use crate::item::{Item, Reader, Writer, key, n, s, time};
use crate::{Result, Store, keys};

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
    /// For when it was last put on its queue: before [`Self::due_at`], nobody has done so yet.
    pub driven_at: Timestamp,
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
            driven_at: now,
            deaths: 0,
            claim: None,
            done: false,
        }
    }
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
}

impl Again {
    fn sets(self) -> &'static str {
        if self.queued { "due_at = :at, driven_at = :at" } else { "due_at = :at" }
    }
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

    /// Claims a parcel for `holder`, a text that was never used before.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; the claim may then be ours, and ends by itself.
    pub async fn claim_parcel(
        &self,
        org: &OrgId,
        send: Ulid,
        chunk: u32,
        channel: Channel,
        holder: &str,
        now: Timestamp,
    ) -> Result<Claimed> {
        let result = self
            .update_parcel(org, send, chunk, channel)
            .update_expression("SET holder = :me, claim_until = :until ADD deaths :one")
            .condition_expression(
                "attribute_exists(pk) AND attribute_not_exists(finished) AND due_at <= :now \
                 AND (attribute_not_exists(holder) OR claim_until <= :now)",
            )
            .expression_attribute_values(":me", s(holder))
            .expression_attribute_values(":until", time(now + CLAIM))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match conditional(result)? {
            Conditional::Done(answer) => {
                let old = from_item(answer.attributes.as_ref().unwrap_or(&Item::new()))?;
                Ok(won(&old, holder, now))
            }
            Conditional::Refused(Some(item)) => Ok(lost(from_item(&item)?, holder)),
            Conditional::Refused(None) => Ok(Claimed::Missing),
        }
    }

    /// Moves the mark to `mark`, before the calls for the rows below it begin, and renews the claim.
    ///
    /// # Errors
    /// If DynamoDB gives no answer: then no call may be made, since the mark may not have moved.
    pub async fn move_mark(
        &self,
        org: &OrgId,
        send: Ulid,
        parcel: &Parcel,
        holder: &str,
        mark: u16,
        now: Timestamp,
    ) -> Result<Held> {
        let update = self
            .update_parcel(org, send, parcel.chunk, parcel.channel)
            .update_expression("SET mark = :mark, marked_at = :now, claim_until = :until, deaths = :one")
            .expression_attribute_values(":mark", n(mark))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":until", time(now + CLAIM))
            .expression_attribute_values(":one", n(1));
        held(update, holder).await
    }

    /// Gives a parcel back.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; the claim then ends by itself.
    pub async fn release_parcel(
        &self,
        org: &OrgId,
        send: Ulid,
        parcel: &Parcel,
        holder: &str,
        release: Release,
    ) -> Result<Held> {
        let update = self.update_parcel(org, send, parcel.chunk, parcel.channel);
        let update = match release {
            Release::Done => update
                .update_expression("SET finished = :yes, deaths = :zero REMOVE holder, claim_until")
                .expression_attribute_values(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true)),
            Release::Later(again) => update
                .update_expression(format!("SET {}, deaths = :zero REMOVE holder, claim_until", again.sets()))
                .expression_attribute_values(":at", time(again.at)),
            Release::NextPass(again) => update
                .update_expression(format!(
                    "SET #pass = :pass, mark = :zero, {}, deaths = :zero REMOVE holder, claim_until",
                    again.sets()
                ))
                .expression_attribute_names("#pass", "pass")
                .expression_attribute_values(":pass", n(parcel.pass + 1))
                .expression_attribute_values(":at", time(again.at)),
        };
        held(update.expression_attribute_values(":zero", n(0)), holder).await
    }

    /// Records that a parcel was put on its queue (again) for `at`.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn parcel_driven(&self, org: &OrgId, send: Ulid, parcel: &Parcel, at: Timestamp) -> Result<()> {
        let result = self
            .update_parcel(org, send, parcel.chunk, parcel.channel)
            .update_expression("SET driven_at = :at")
            .condition_expression("attribute_exists(pk) AND driven_at < :at")
            .expression_attribute_values(":at", time(at))
            .send()
            .await;
        conditional(result).map(drop)
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

async fn held(update: UpdateItemFluentBuilder, holder: &str) -> Result<Held> {
    let result = update
        .condition_expression("holder = :me")
        .expression_attribute_values(":me", s(holder))
        .send()
        .await;
    Ok(if conditional(result)?.is_done() { Held::Yes } else { Held::Lost })
}

fn won(old: &Parcel, holder: &str, now: Timestamp) -> Claimed {
    let abandoned = old.claim.is_some();
    let claim = Some(Claim { holder: holder.to_owned(), until: now + CLAIM });
    Claimed::Won { parcel: Parcel { claim, deaths: old.deaths + 1, ..old.clone() }, abandoned }
}

fn lost(found: Parcel, holder: &str) -> Claimed {
    match &found.claim {
        _ if found.done => Claimed::Done,
        // Our own claim, landed by a try whose answer was lost: had the parcel been abandoned before, that is no longer to be seen, and taking it
        // for abandoned is always safe.
        Some(claim) if claim.holder == holder => Claimed::Won { parcel: found, abandoned: true },
        Some(claim) => Claimed::Held { until: claim.until },
        None => Claimed::NotDue { at: found.due_at },
    }
}

/// The item of a parcel that is being created.
pub(crate) fn to_item(org: &OrgId, send: Ulid, parcel: &Parcel) -> Item {
    Writer::default()
        .set("pk", s(keys::send(org, send)))
        .set("sk", s(keys::parcel(parcel.chunk, parcel.channel)))
        .set("pass", n(parcel.pass))
        .set("mark", n(parcel.mark))
        .maybe("marked_at", parcel.marked_at.map(time))
        .set("gate1_at", time(parcel.gate1_at))
        .set("due_at", time(parcel.due_at))
        .set("driven_at", time(parcel.driven_at))
        .set("deaths", n(parcel.deaths))
        .done()
}

fn from_item(item: &Item) -> Result<Parcel> {
    let read = Reader(item);
    let (chunk, channel) = read.parsed("sk", |sk| {
        let (chunk, channel) = sk.strip_prefix(keys::PARCEL)?.split_once('#')?;
        Some((chunk.parse().ok()?, channel.parse().ok()?))
    })?;
    let claim = match (read.text_opt("holder")?, read.time_opt("claim_until")?) {
        (Some(holder), Some(until)) => Some(Claim { holder: holder.to_owned(), until }),
        _ => None,
    };
    Ok(Parcel {
        chunk,
        channel,
        pass: read.number("pass")?,
        mark: read.number("mark")?,
        marked_at: read.time_opt("marked_at")?,
        gate1_at: read.time("gate1_at")?,
        due_at: read.time("due_at")?,
        driven_at: read.time("driven_at")?,
        deaths: read.number("deaths")?,
        claim,
        done: read.flag("finished"),
    })
}
