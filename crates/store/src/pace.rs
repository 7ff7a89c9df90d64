//! What was given out of a sender's slots, and how far its work is planned. See `infra/decisions/0010`.

use std::time::Duration;

use aws_sdk_dynamodb::config::{self, retry::RetryConfig};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::pace::{Day, Grid, Meter, Outlook, Slowed, Terms};
use domain::settings::{ChannelSettings, Rate};
use domain::{Channel, OrgId, Timestamp};

use crate::conditional::{Conditional, conditional};
use crate::directory::channel;
use crate::item::{Item, Reader, json, n, s, time};
use crate::{Result, Store, StoreError, keys};

/// A request for patience that comes so soon after another is the same one: many calls are on their way at once.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// A sender as it is at this moment.
#[derive(Debug, Clone)]
pub struct SenderNow {
    /// What a person has set, and whether it sends.
    pub settings: ChannelSettings,
    /// What was given out of its slots; `None` before the first.
    pub meter: Option<Meter>,
    /// Until when its slots are planned for work that waits.
    pub planned: Option<Timestamp>,
}

impl SenderNow {
    /// What it would send when from now on, if nothing were planned.
    pub fn outlook(&self, now: Timestamp) -> Outlook {
        Outlook::new(Terms::from(&self.settings), self.meter.as_ref(), now)
    }
}

/// Slots to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// How many slots.
    pub slots: u64,
    /// For how many messages.
    pub messages: u32,
    /// No slot before this one.
    pub first: u64,
    /// The first one may not be later.
    pub latest: u64,
    /// Messages that the quarter of an hour may have before.
    pub most_used: u32,
}

/// What came of taking slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// They are ours, from this one on.
    Slots(u64),
    /// They are not free any more, or the meter that was seen is not the present one, which this is.
    Refused(Option<Meter>),
}

impl Store {
    /// A channel's settings and meter, read strongly at once; `None` if the organisation does not have the channel.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn sender(&self, org: &OrgId, channel: Channel) -> Result<Option<SenderNow>> {
        Ok(self.senders_under(org, &keys::channel(channel)).await?.pop())
    }

    /// All channels of an organisation with their meters, read strongly at once: no more than their settings alone would cost.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn senders(&self, org: &OrgId) -> Result<Vec<SenderNow>> {
        let mut senders = self.senders_under(org, keys::CHANNEL).await?;
        senders.sort_by_key(|sender| Channel::ALL.iter().position(|it| *it == sender.settings.channel));
        Ok(senders)
    }

    async fn senders_under(&self, org: &OrgId, prefix: &str) -> Result<Vec<SenderNow>> {
        let answer = self
            .client
            .query()
            .table_name(&self.tables.directory)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", s(keys::org(org)))
            .expression_attribute_values(":prefix", s(prefix))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::call("Query"))?;
        let (meters, settings): (Vec<&Item>, Vec<&Item>) =
            answer.items().iter().partition(|item| channel::is_meter(item));
        let with_meter = |item: &&Item| {
            let settings = channel::from_item(item)?;
            let sk = keys::meter(settings.channel);
            let meter = meters.iter().find(|item| Reader(item).text("sk").is_ok_and(|text| text == sk));
            let (meter, planned) = match meter {
                Some(item) => (from_item(item)?, Reader(item).time_opt("planned")?),
                None => (None, None),
            };
            Ok(SenderNow { settings, meter, planned })
        };
        settings.iter().map(with_meter).collect()
    }

    /// Writes a meter in place of the one that was `seen`. Answers whether that was still the present one.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn renew_meter(
        &self,
        org: &OrgId,
        channel: Channel,
        seen: Option<&Meter>,
        meter: &Meter,
    ) -> Result<bool> {
        let (set, remove) = match meter.per_day {
            Some(_) => (", per_day = :per_day", ""),
            None => ("", " REMOVE per_day"),
        };
        let update = self
            .update_meter(org, channel)
            .update_expression(format!(
                "SET origin = :origin, rate = :rate, #next = :next, #quarter = :quarter, #used = :used, \
                 #before = :before, version = :version{set}{remove}"
            ))
            .expression_attribute_names("#next", "next")
            .expression_attribute_names("#quarter", "quarter")
            .expression_attribute_names("#used", "used")
            .expression_attribute_names("#before", "before")
            .expression_attribute_values(":origin", time(meter.grid.origin))
            .expression_attribute_values(":rate", n(meter.grid.rate.thousandths()))
            .expression_attribute_values(":next", n(meter.next))
            .expression_attribute_values(":quarter", n(meter.day.quarter))
            .expression_attribute_values(":used", n(meter.day.used))
            .expression_attribute_values(":before", json(&meter.day.before))
            .expression_attribute_values(":version", n(meter.version));
        let update = match meter.per_day {
            Some(limit) => update.expression_attribute_values(":per_day", n(limit)),
            None => update,
        };
        let update = match seen {
            None => update.condition_expression("attribute_not_exists(version)"),
            // Slots that were taken in between are in neither meter.
            Some(seen) => update
                .condition_expression("version = :seen AND #next = :seen_next AND #used = :seen_used")
                .expression_attribute_values(":seen", n(seen.version))
                .expression_attribute_values(":seen_next", n(seen.next))
                .expression_attribute_values(":seen_used", n(seen.day.used)),
        };
        Ok(conditional(update.send().await)?.is_done())
    }

    /// Takes slots of the meter that was `seen`.
    ///
    /// # Errors
    /// If DynamoDB gives no answer: the slots may be taken then, and nobody uses them.
    pub async fn take_slots(&self, org: &OrgId, channel: Channel, seen: &Meter, take: Take) -> Result<Taken> {
        let update = self
            .update_meter(org, channel)
            .expression_attribute_names("#next", "next")
            .expression_attribute_names("#used", "used")
            .expression_attribute_values(":messages", n(take.messages))
            .expression_attribute_values(":seen", n(seen.version))
            .expression_attribute_values(":first", n(take.first))
            .expression_attribute_values(":most", n(take.most_used))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let in_time = "version = :seen AND #used <= :most AND ";
        // Only the first form passes free slots over; the second needs to know nothing of where others are.
        let passes_over = seen.next <= take.first;
        let update = if passes_over {
            update
                .update_expression("SET #next = :next ADD #used :messages")
                .condition_expression(format!("{in_time}#next <= :first"))
                .expression_attribute_values(":next", n(take.first + take.slots))
        } else {
            update
                .update_expression("ADD #next :slots, #used :messages")
                .condition_expression(format!("{in_time}#next BETWEEN :first AND :latest"))
                .expression_attribute_values(":slots", n(take.slots))
                .expression_attribute_values(":latest", n(take.latest))
        };
        match conditional(update.send().await)? {
            Conditional::Done(answer) => {
                let next: u64 = Reader(answer.attributes.as_ref().unwrap_or(&Item::new())).number("next")?;
                Ok(Taken::Slots(next.saturating_sub(take.slots)))
            }
            Conditional::Refused(item) => {
                Ok(Taken::Refused(item.as_ref().map(from_item).transpose()?.flatten()))
            }
        }
    }

    /// Takes messages out of the count of a quarter of an hour that had slots and were not sent after all. It is asked once: a second try could not know
    /// whether the first was heard, and would take them out twice.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; then they may stay counted, which is safe.
    pub async fn uncount_messages(
        &self,
        org: &OrgId,
        channel: Channel,
        quarter: u64,
        messages: u32,
    ) -> Result<()> {
        let update = self
            .update_meter(org, channel)
            .update_expression("SET #used = #used - :messages")
            .condition_expression("#quarter = :quarter AND #used >= :messages")
            .expression_attribute_names("#used", "used")
            .expression_attribute_names("#quarter", "quarter")
            .expression_attribute_values(":messages", n(messages))
            .expression_attribute_values(":quarter", n(quarter));
        let once = config::Builder::new().retry_config(RetryConfig::disabled());
        conditional(update.customize().config_override(once).send().await).map(drop)
    }

    /// Records that the provider asked for patience, unless somebody has just done so.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn slow_down(&self, org: &OrgId, channel: Channel, slowed: Slowed) -> Result<()> {
        let update = self
            .update_meter(org, channel)
            .update_expression("SET slowed_at = :at, slowed_until = :until, slowed_level = :level")
            .condition_expression("attribute_not_exists(slowed_at) OR slowed_at < :before")
            .expression_attribute_values(":at", time(slowed.at))
            .expression_attribute_values(":until", time(slowed.until))
            .expression_attribute_values(":level", n(slowed.level))
            .expression_attribute_values(":before", time(slowed.at - SAME_REQUEST));
        conditional(update.send().await).map(drop)
    }

    /// Plans work that takes the sender so long, behind all that is planned and not before `from`. Answers when it is to begin.
    ///
    /// # Errors
    /// If DynamoDB gives no answer: it may be planned then, and the time stays empty until reconcile finds that.
    pub async fn plan(
        &self,
        org: &OrgId,
        channel: Channel,
        length: Duration,
        from: Timestamp,
    ) -> Result<Timestamp> {
        let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let update = |expression: &str, condition: &str| {
            self.update_meter(org, channel)
                .update_expression(expression)
                .condition_expression(condition)
                .expression_attribute_values(":from", time(from))
                .return_values(ReturnValue::UpdatedNew)
        };
        loop {
            let behind = update("ADD planned :length", "planned > :from")
                .expression_attribute_values(":length", n(length_ms));
            if let Conditional::Done(answer) = conditional(behind.send().await)? {
                let end = Reader(answer.attributes.as_ref().unwrap_or(&Item::new())).time("planned")?;
                return Ok(end - length);
            }
            let afresh = update("SET planned = :end", "attribute_not_exists(planned) OR planned <= :from")
                .expression_attribute_values(":end", time(from + length));
            if conditional(afresh.send().await)?.is_done() {
                return Ok(from);
            }
        }
    }

    /// Corrects how far a sender's slots are planned, unless work was planned since `seen` was read.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn correct_plan(
        &self,
        org: &OrgId,
        channel: Channel,
        seen: Timestamp,
        planned: Timestamp,
    ) -> Result<()> {
        let update = self
            .update_meter(org, channel)
            .update_expression("SET planned = :planned")
            .condition_expression("planned = :seen")
            .expression_attribute_values(":planned", time(planned))
            .expression_attribute_values(":seen", time(seen));
        conditional(update.send().await).map(drop)
    }

    fn update_meter(&self, org: &OrgId, channel: Channel) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.tables.directory)
            .key("pk", s(keys::org(org)))
            .key("sk", s(keys::meter(channel)))
    }
}

/// The meter of an item that may hold nothing but a plan or a request for patience so far.
fn from_item(item: &Item) -> Result<Option<Meter>> {
    let read = Reader(item);
    let Some(version) = read.number_opt("version")? else { return Ok(None) };
    let rate = Rate::of_thousandths(read.number("rate")?).ok_or_else(|| read.corrupt("rate"))?;
    let slowed = match read.time_opt("slowed_at")? {
        Some(at) => {
            Some(Slowed { at, until: read.time("slowed_until")?, level: read.number("slowed_level")? })
        }
        None => None,
    };
    Ok(Some(Meter {
        grid: Grid { origin: read.time("origin")?, rate },
        per_day: read.number_opt("per_day")?,
        next: read.number("next")?,
        day: Day {
            quarter: read.number("quarter")?,
            used: read.number("used")?,
            before: read.json("before")?,
        },
        slowed,
        version,
    }))
}
