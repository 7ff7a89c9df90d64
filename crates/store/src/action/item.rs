//! Actions as items.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{BulkActionStatus, Dedupe, SendSource};

use super::{Action, Idle};
use crate::item::{Item, Reader, Writer, json, n, s, time};
use crate::{Result, keys};

/// The item of an action. Only a bulk action is in its organisation's list.
pub(crate) fn to_item(action: &Action) -> Item {
    let counts = action.counts;
    let listed = action.source == SendSource::BulkAction;
    let retries = (!action.retries.is_empty()).then(|| json(&action.retries));
    let blocks = (!action.blocks_done.is_empty())
        .then(|| AttributeValue::Ns(action.blocks_done.iter().map(ToString::to_string).collect()));
    Writer::default()
        .set("pk", s(keys::send(&action.org_id, action.id.ulid())))
        .set("sk", s(keys::ACTION))
        .maybe("org_key", listed.then(|| s(action.org_id.as_str())))
        .maybe("created", listed.then(|| s(format!("{:013}#{}", action.created_at.millis(), action.id))))
        .maybe("source", (!listed).then(|| json(&action.source)))
        .set("status", s(action.status.as_str()))
        .set("created_by", s(&action.created_by))
        .set("created_at", time(action.created_at))
        .maybe("schedule_at", action.schedule_at.map(time))
        .maybe("to_hand_out", (!action.handed_out).then_some(AttributeValue::Bool(true)))
        .maybe("retry_of", action.retry_of.map(|id| s(id.to_string())))
        .maybe("retries", retries)
        .set("routing", json(&action.routing))
        .maybe("dedupe", (action.dedupe != Dedupe::None).then(|| json(&action.dedupe)))
        .maybe("selected", action.selected.as_ref().map(json))
        .set("targets", n(action.targets))
        .set("duplicates_removed", n(action.duplicates_removed))
        .set("total", n(action.total))
        .set("expires_at", time(action.expires_at))
        .maybe("estimated_completion", action.estimated_completion.map(time))
        .maybe("spans_days", action.spans_days.map(n))
        .maybe("last_sent_at", action.last_sent_at.map(time))
        .maybe("sent_out", action.sent_out.then_some(AttributeValue::Bool(true)))
        .maybe("started_at", action.started_at.map(time))
        .maybe("delegated_at", action.delegated_at.map(time))
        .maybe("finished_at", action.finished_at.map(time))
        .maybe("corrected_at", action.corrected_at.map(time))
        .maybe("failure_reason", action.failure_reason.as_ref().map(s))
        .set("counts", json(&counts))
        .maybe("counted_of", action.counted_of.as_ref().map(json))
        .maybe("reconciled_at", action.reconciled_at.map(time))
        .maybe("counting_at", action.counting_at.map(time))
        .set("history", json(&action.history))
        .maybe("blocks_done", blocks)
        .set("drives", n(action.drives))
        .set("fan_out_at", time(action.fan_out_at))
        .maybe("repaired_at", action.repaired_at.map(time))
        .maybe("due_at", action.due_at.map(time))
        .maybe("work_shard", action.due_at.map(|_| s(keys::work_shard(action.id.ulid()))))
        .maybe("idle_version", action.idle.map(|idle| n(idle.version)))
        .maybe("idle_until", action.idle.map(|idle| time(idle.until)))
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
        source: read.json_opt("source")?.unwrap_or(SendSource::BulkAction),
        schedule_at: read.time_opt("schedule_at")?,
        handed_out: !read.flag("to_hand_out"),
        retry_of: read.parsed_opt("retry_of", |id| id.parse().ok())?,
        retries: read.json_or_default("retries")?,
        routing: read.json("routing")?,
        dedupe: read.json_or_default("dedupe")?,
        selected: read.json_opt("selected")?,
        targets: read.number("targets")?,
        duplicates_removed: read.number("duplicates_removed")?,
        total: read.number("total")?,
        expires_at: read.time("expires_at")?,
        estimated_completion: read.time_opt("estimated_completion")?,
        spans_days: read.number_opt("spans_days")?,
        last_sent_at: read.time_opt("last_sent_at")?,
        sent_out: read.flag("sent_out"),
        started_at: read.time_opt("started_at")?,
        delegated_at: read.time_opt("delegated_at")?,
        finished_at: read.time_opt("finished_at")?,
        corrected_at: read.time_opt("corrected_at")?,
        failure_reason: read.text_opt("failure_reason")?.map(str::to_owned),
        counts: read.json("counts")?,
        counted_of: read.json_opt("counted_of")?,
        reconciled_at: read.time_opt("reconciled_at")?,
        counting_at: read.time_opt("counting_at")?,
        history: read.json("history")?,
        blocks_done: read.numbers("blocks_done")?,
        drives: read.number("drives")?,
        fan_out_at: read.time("fan_out_at")?,
        repaired_at: read.time_opt("repaired_at")?,
        due_at: read.time_opt("due_at")?,
        idle: match (read.number_opt("idle_version")?, read.time_opt("idle_until")?) {
            (Some(version), Some(until)) => Some(Idle { version, until }),
            _ => None,
        },
        version: read.number("version")?,
    })
}
