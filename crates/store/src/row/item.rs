//! Rows as items. A row stays well under 1 KB, so that each write of it costs one unit.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::member::Address;
use domain::{Inquiry, MessageId, MessageStatus, Reason, Timestamp, Unknown};

use super::{Calls, Came, Origin, Row};
use crate::item::{Item, Reader, Writer, json, n, s, time};
use crate::targets::RowPlace;
use crate::{Result, keys};

/// The sort key in `by-member`: time of creation, then id.
pub(super) fn created(at: Timestamp, id: MessageId) -> String {
    format!("{:013}#{id}", at.millis())
}

pub(super) fn created_at(created: &str) -> Option<Timestamp> {
    created.split_once('#')?.0.parse().ok().map(Timestamp::from_millis)
}

/// The item of a row that is being created.
pub(crate) fn to_item(row: &Row) -> Item {
    let inbound = match &row.origin {
        Origin::Inbound(inbound) => Some(json(inbound)),
        Origin::Bulk | Origin::Single => None,
    };
    Writer::default()
        .set("pk", s(keys::row(&row.org_id, row.id)))
        .set("sk", n(row.id.slot))
        .maybe("member_key", row.member_id.as_ref().map(|id| s(keys::member_timeline(&row.org_id, id))))
        // Bulk rows are found through their chunks; an index entry for each would cost a write unit more.
        .maybe("org_key", (row.origin != Origin::Bulk).then(|| s(row.org_id.as_str())))
        .maybe("conversation_key", row.conversation.as_ref().map(|id| s(keys::thread(&row.org_id, id))))
        .maybe("inbound", inbound)
        .set("created", s(created(row.created_at, row.id)))
        .set("status", s(row.status.as_str()))
        .set("channel", s(row.channel.as_str()))
        .maybe("address", row.address.as_ref().map(|address| s(address.as_str())))
        .maybe("unreadable", row.unreadable.as_ref().map(s))
        .maybe("vals", (!row.values.is_empty()).then(|| json(&row.values)))
        .maybe("reason", row.reason.map(|reason| s(reason.as_str())))
        .maybe("again", row.again.map(|place| s(place.to_string())))
        .maybe("detail", row.detail.as_ref().map(s))
        .maybe("ended_at", row.ended_at.map(time))
        .maybe("covered_by", row.covered_by.map(|id| s(id.to_string())))
        .maybe("provider_message_id", row.provider_message_id.as_ref().map(s))
        .maybe("delivered_at", row.delivered_at.map(time))
        .done()
}

pub(crate) fn from_item(item: &Item) -> Result<Row> {
    let read = Reader(item);
    let slot: u16 = read.number("sk")?;
    let (org_id, id) = read.parsed("pk", |pk| keys::parse_row(pk, slot))?;
    Ok(Row {
        org_id,
        id,
        origin: match (read.json_opt("inbound")?, item.contains_key("org_key")) {
            (Some(inbound), _) => Origin::Inbound(inbound),
            (None, true) => Origin::Single,
            (None, false) => Origin::Bulk,
        },
        status: read.parsed("status", MessageStatus::from_name)?,
        channel: read.parsed("channel", |text| text.parse().ok())?,
        member_id: read.parsed_opt("member_key", |key| key.split_once('#')?.1.parse().ok())?,
        address: read.text_opt("address")?.map(|text| Address::stored(text.to_owned())),
        unreadable: read.text_opt("unreadable")?.map(str::to_owned),
        conversation: read.parsed_opt("conversation_key", |key| key.split_once('#')?.1.parse().ok())?,
        values: values(&read)?,
        created_at: read.parsed("created", created_at)?,
        pass: read.number_opt("pass")?.unwrap_or(1),
        again: read.parsed_opt("again", RowPlace::parse)?,
        attempts: read.number_opt("attempts")?.unwrap_or(0),
        calls: read.parsed_opt("calls", Calls::parse)?.unwrap_or_default(),
        tried_at: read.time_opt("tried_at")?,
        next_attempt_at: read.time_opt("next_attempt_at")?,
        unknown: read.parsed_opt("unknown", Unknown::from_name)?,
        provider_message_id: read.text_opt("provider_message_id")?.map(str::to_owned),
        provider_code: read.text_opt("provider_code")?.map(str::to_owned),
        segments: read.number_opt("segments")?,
        reason: read.parsed_opt("reason", Reason::from_code)?,
        detail: read.text_opt("detail")?.map(str::to_owned),
        sent_at: read.time_opt("sent_at")?,
        unconfirmed_at: read.time_opt("unconfirmed_at")?,
        inquiry: read.parsed_opt("inquiry", Inquiry::from_name)?,
        asked_at: read.time_opt("asked_at")?,
        ended_at: read.time_opt("ended_at")?,
        delivered_at: read.time_opt("delivered_at")?,
        read_at: read.time_opt("read_at")?,
        came: Came {
            ended_at: came(&read, "ended_at", "ended_in")?,
            delivered_at: came(&read, "delivered_at", "delivered_in")?,
            read_at: came(&read, "read_at", "read_in")?,
        },
        covered_by: read.parsed_opt("covered_by", |id| id.parse().ok())?,
        replied_at: read.time_opt("replied_at")?,
        opted_out_at: read.time_opt("opted_out_at")?,
        erased: read.flag("erased"),
        events: events(&read, item)?,
    })
}

/// When a report came: so many milliseconds after what it reports, or before it by the provider's clock.
fn came(read: &Reader<'_>, happened: &str, lag: &str) -> Result<Option<Timestamp>> {
    let (at, lag): (Option<Timestamp>, Option<i64>) = (read.time_opt(happened)?, read.number_opt(lag)?);
    Ok(at.zip(lag).map(|(at, lag)| Timestamp::from_millis(at.millis().saturating_add(lag))))
}

fn values(read: &Reader<'_>) -> Result<BTreeMap<domain::variables::Variable, String>> {
    read.json_or_default("vals")
}

fn events(read: &Reader<'_>, item: &Item) -> Result<Vec<super::Event>> {
    let Some(AttributeValue::L(entries)) = item.get("events") else { return Ok(Vec::new()) };
    entries
        .iter()
        .map(|entry| match entry {
            AttributeValue::S(text) => serde_json::from_str(text).map_err(|_| read.corrupt("events")),
            _ => Err(read.corrupt("events")),
        })
        .collect()
}
