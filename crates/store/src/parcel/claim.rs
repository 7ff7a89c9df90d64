//! Claims: taking a parcel, moving its mark under the claim, giving it back.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::{Channel, OrgId, Timestamp};
use ulid::Ulid;

use super::item::from_item;
use super::{Again, CLAIM, Claim, Claimed, Held, Mark, Parcel, Release};
use crate::conditional::{Conditional, conditional};
use crate::item::{Item, n, s, time};
use crate::{Result, Store};

impl Again {
    fn set(self, update: UpdateItemFluentBuilder, also: &str) -> UpdateItemFluentBuilder {
        let driven = if self.queued { ", driven_at = :at" } else { "" };
        update
            .update_expression(format!(
                "SET {also}due_at = :at{driven}, messages = :messages, units = :units, gate1_at = :gate1_at, \
                 deaths = :zero REMOVE holder, claim_until, expected_at"
            ))
            .expression_attribute_values(":at", time(self.at))
            .expression_attribute_values(":messages", n(self.left.messages))
            .expression_attribute_values(":units", n(self.left.units))
            .expression_attribute_values(":gate1_at", time(self.gate1_at))
    }
}

impl Store {
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

    /// Moves the mark, before the calls for the rows below it begin, and renews the claim.
    ///
    /// # Errors
    /// If DynamoDB gives no answer: then no call may be made, since the mark may not have moved.
    pub async fn move_mark(
        &self,
        org: &OrgId,
        send: Ulid,
        parcel: &Parcel,
        holder: &str,
        mark: Mark,
        now: Timestamp,
    ) -> Result<Held> {
        let update = self
            .update_parcel(org, send, parcel.chunk, parcel.channel)
            .update_expression(
                "SET mark = :mark, marked_at = :now, claim_until = :until, deaths = :one, \
                 messages = :messages, units = :units",
            )
            .expression_attribute_values(":messages", n(mark.left.messages))
            .expression_attribute_values(":units", n(mark.left.units))
            .expression_attribute_values(":mark", n(mark.slot))
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
            Release::Later(again) => again.set(update, ""),
            Release::NextPass(again) => again
                .set(update, "#pass = :pass, mark = :zero, not_before = :at, ")
                .expression_attribute_names("#pass", "pass")
                .expression_attribute_values(":pass", n(parcel.pass + 1)),
        };
        held(update.expression_attribute_values(":zero", n(0)), holder).await
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
