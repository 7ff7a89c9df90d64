//! Channels. Their settings are a person's, their status is also the dispatchers': both are written under one version.

use domain::settings::{ChannelSettings, ChannelStatus};
use domain::{Channel, OrgId, Timestamp};

use super::Put;
use crate::conditional::conditional;
use crate::item::{Item, Reader, Writer, json, key, n, s, time};
use crate::{Result, Store, StoreError, keys};

/// How often a change is decided anew because others wrote in between.
const TRIES: u32 = 8;

impl Store {
    /// The organisation's channels.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn channels(&self, org: &OrgId) -> Result<Vec<ChannelSettings>> {
        let answer = self
            .client
            .query()
            .table_name(&self.tables.directory)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", s(keys::org(org)))
            .expression_attribute_values(":prefix", s(keys::CHANNEL))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::call("Query"))?;
        let mut channels: Vec<ChannelSettings> =
            answer.items().iter().filter(|item| !is_meter(item)).map(from_item).collect::<Result<_>>()?;
        channels.sort_by_key(|settings| Channel::ALL.iter().position(|channel| *channel == settings.channel));
        Ok(channels)
    }

    /// Changes a channel: `change` makes the new settings from the present ones, and is asked again if others wrote in
    /// between. Its refusal is passed on.
    ///
    /// # Errors
    /// If DynamoDB gives no answer, an item does not convert or others write without end; repeating is safe.
    pub async fn change_channel<E>(
        &self,
        org: &OrgId,
        channel: Channel,
        change: impl Fn(Option<ChannelSettings>) -> std::result::Result<ChannelSettings, E>,
    ) -> Result<std::result::Result<(ChannelSettings, Put), E>> {
        for _ in 0..TRIES {
            let item = self.directory_item(&keys::org(org), &keys::channel(channel)).await?;
            let known = item.as_ref().map(from_item).transpose()?;
            let seen: u64 = item.as_ref().map_or(Ok(0), |item| Reader(item).count("version"))?;
            let put = if known.is_some() { Put::Replaced } else { Put::Created };
            let settings = match change(known) {
                Ok(settings) => settings,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let write = self.client.put_item().table_name(&self.tables.directory);
            let write = match put {
                Put::Created => write.condition_expression("attribute_not_exists(pk)"),
                Put::Replaced => write
                    .condition_expression("version = :seen")
                    .expression_attribute_values(":seen", n(seen)),
            };
            let write = write.set_item(Some(to_item(org, &settings, seen + 1)));
            if conditional(write.send().await)?.is_done() {
                return Ok(Ok((settings, put)));
            }
        }
        Err(StoreError::Undone { operation: "PutItem", left: 1, code: "contended".into() })
    }

    /// Takes a channel away, if it is there.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn delete_channel(&self, org: &OrgId, channel: Channel) -> Result<()> {
        self.delete_directory_item(&keys::org(org), &keys::channel(channel)).await
    }

    /// Pauses a sender that the provider refused as a whole. A pause by a person is left as it is. Answers whether the
    /// channel is there and was written.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn pause_channel(
        &self,
        org: &OrgId,
        channel: Channel,
        reason: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let request = self
            .status_update(org, channel, ChannelStatus::Paused, at)
            .update_expression(
                "SET #status = :status, status_at = :at, status_reason = :reason ADD version :one",
            )
            .condition_expression("attribute_exists(pk) AND (attribute_not_exists(held) OR held = :no)")
            .expression_attribute_values(":no", aws_sdk_dynamodb::types::AttributeValue::Bool(false))
            .expression_attribute_values(":reason", s(reason));
        Ok(conditional(request.send().await)?.is_done())
    }

    /// Resumes a sender that the provider accepts again, unless a person has paused it. Answers whether it was paused.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn resume_channel(&self, org: &OrgId, channel: Channel, at: Timestamp) -> Result<bool> {
        let request = self
            .status_update(org, channel, ChannelStatus::Active, at)
            .update_expression("SET #status = :status, status_at = :at REMOVE status_reason ADD version :one")
            .condition_expression(
                "attribute_exists(pk) AND #status <> :status AND (attribute_not_exists(held) OR held = :no)",
            )
            .expression_attribute_values(":no", aws_sdk_dynamodb::types::AttributeValue::Bool(false));
        Ok(conditional(request.send().await)?.is_done())
    }

    fn status_update(
        &self,
        org: &OrgId,
        channel: Channel,
        status: ChannelStatus,
        at: Timestamp,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.tables.directory)
            .set_key(Some(key(keys::org(org), s(keys::channel(channel)))))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", s(status.as_str()))
            .expression_attribute_values(":at", time(at))
            .expression_attribute_values(":one", n(1))
    }
}

fn to_item(org: &OrgId, settings: &ChannelSettings, version: u64) -> Item {
    Writer::default()
        .set("pk", s(keys::org(org)))
        .set("sk", s(keys::channel(settings.channel)))
        .set("data", json(settings))
        // What dispatchers change stands by itself; these attributes count, not the copy in `data`.
        .set("status", s(settings.status.as_str()))
        .maybe("status_reason", settings.status_reason.as_ref().map(s))
        .maybe("status_at", settings.status_at.map(time))
        .set("held", aws_sdk_dynamodb::types::AttributeValue::Bool(settings.held))
        .set("version", n(version))
        .done()
}

/// Whether an item that was read by the prefix of channels is the meter of one.
pub(crate) fn is_meter(item: &Item) -> bool {
    Reader(item).text("sk").is_ok_and(|sk| sk.ends_with(keys::METER))
}

pub(crate) fn from_item(item: &Item) -> Result<ChannelSettings> {
    let read = Reader(item);
    let status = read.parsed("status", |text| {
        ChannelStatus::NAMES.iter().find(|(name, _)| *name == text).map(|(_, status)| *status)
    })?;
    Ok(ChannelSettings {
        status,
        status_reason: read.text_opt("status_reason")?.map(str::to_owned),
        status_at: read.time_opt("status_at")?,
        held: read.flag("held"),
        ..read.json("data")?
    })
}
