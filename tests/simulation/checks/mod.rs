//! What must hold: in every read, and when everything has settled. The judge is what the providers saw.

mod counts;
mod once;
mod told;
mod truth;

use domain::BulkActionId;
use serde_json::Value;
use store::action::Action;
use store::chunk::Chunk;
use store::row::Row;
use usecases::reconcile::Report;

use super::core::{About, Core};
use super::host::Host;
use super::people::Memory;

/// All that the tables hold of one action.
pub(crate) struct Sent {
    pub(crate) action: Action,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) rows: Vec<Row>,
}

/// Reads everything, without faults.
pub(crate) async fn read_all(host: &Host) -> Vec<Sent> {
    let org = testing::World::org();
    let mut all = Vec::new();
    for id in host.core.witness.actions() {
        let Ok(Some(action)) = host.store.action(&org, id).await else {
            host.core.violated("P2", key(id), "an action that was written is gone or does not read");
            continue;
        };
        let chunks = host.store.chunks(&org, id.ulid()).await.unwrap_or_default();
        let mut rows = Vec::new();
        for chunk in &chunks {
            rows.extend(host.store.rows_of_chunk(&org, id.ulid(), chunk.number).await.unwrap_or_default());
        }
        all.push(Sent { action, chunks, rows });
    }
    all
}

/// Checks everything at the end, when nothing moves any more.
pub(crate) async fn settled(host: &Host, memory: &Memory) {
    let sent = read_all(host).await;
    once::check(&host.core, memory, &sent);
    counts::check(&host.core, &sent);
    truth::check(host, memory, &sent);
    told::check(host, &sent).await;
    for what in host.core.pace.broken() {
        host.core.violated("P7", About::Key("#METER".into()), what);
    }
}

pub(crate) fn key(id: BulkActionId) -> About {
    About::Key(id.ulid().to_string())
}

/// No count is ever wrong without a note, and where nothing went wrong nothing has to be repaired.
pub(crate) fn reconciled(core: &Core, report: &Report) {
    if !report.drift.is_empty() {
        core.violated(
            "P3",
            About::Key("ACTION".into()),
            format!("reconcile found drift: {:?}", report.drift),
        );
    }
    if !report.repairs.is_empty() && core.nothing_fails() {
        let what = format!("reconcile repaired something although nothing had failed: {:?}", report.repairs);
        core.violated("P2", About::Key("ACTION".into()), what);
    }
}

/// P3: the parts of an action that somebody reads add up to its total.
pub(crate) fn adds_up(core: &Core, action: &Value) {
    let of = |name: &str| action[name].as_u64().unwrap_or(u64::MAX / 16);
    let parts = ["success_count", "failed_count", "skipped_count", "unconfirmed_count", "pending_count"];
    let sum: u64 = parts.iter().map(|name| of(name)).sum();
    if of("total") != sum
        || of("sent_count") < of("delivered_count")
        || of("delivered_count") < of("read_count")
    {
        let id = action["id"].as_str().unwrap_or_default().trim_start_matches("ba_").to_owned();
        core.violated("P3", About::Key(id), format!("a read does not add up: {action}"));
    }
}
