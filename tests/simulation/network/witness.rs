//! Whoever sees every row after every write: statuses only climb (P5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use domain::status::Transition;
use domain::{BulkActionId, MessageId, MessageStatus};
use serde_json::{Value, json};
use testing::transport::Call;

use super::describe::touched;
use crate::simulation::core::{About, BULK_ACTIONS, Core, MESSAGE_LOGS, text};

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    rows: Mutex<BTreeMap<MessageId, MessageStatus>>,
    actions: Mutex<BTreeSet<BulkActionId>>,
}

impl Witness {
    /// Looks at what a write has touched.
    pub(super) fn look(&self, core: &Core, who: &str, call: &Call) {
        let request: Value = serde_json::from_str(&call.body).unwrap_or_default();
        for key in touched(call, &request) {
            let Some((pk, sk)) = key.split_once('/') else { continue };
            if sk == "ACTION" {
                self.look_at_action(core, pk);
            } else if let (2, Ok(slot)) = (pk.matches('#').count(), sk.parse::<u16>()) {
                self.look_at_row(core, who, pk, slot);
            }
        }
    }

    fn look_at_action(&self, core: &Core, pk: &str) {
        let id = pk.rsplit('#').next().and_then(|ulid| format!("ba_{ulid}").parse().ok());
        let key = json!({ "pk": { "S": pk }, "sk": { "S": "ACTION" } });
        if let Some(id) = id.filter(|_| core.peek(BULK_ACTIONS, &key).is_some()) {
            self.actions.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        }
    }

    fn look_at_row(&self, core: &Core, who: &str, pk: &str, slot: u16) {
        let mut parts = pk.split('#').skip(1);
        let send = parts.next().and_then(|ulid| format!("ba_{ulid}").parse::<BulkActionId>().ok());
        let (Some(send), Some(Ok(chunk))) = (send, parts.next().map(str::parse)) else { return };
        let id = MessageId { send: send.ulid(), chunk, slot };
        let row = core.peek(MESSAGE_LOGS, &json!({ "pk": { "S": pk }, "sk": { "N": slot.to_string() } }));
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let before = rows.get(&id).copied();
        let Some(row) = row else {
            if before.is_some() {
                core.violated("P2", About::Message(id), "the row is gone");
            }
            return;
        };
        let Some(now) = MessageStatus::ALL.iter().find(|status| status.as_str() == text(&row["status"]))
        else {
            return;
        };
        if before == Some(*now) {
            return;
        }
        rows.insert(id, *now);
        drop(rows);
        let from = before.map_or("nothing", MessageStatus::as_str);
        core.diary.note("row", format!("{id}: {from} -> {now}, by {who}"), vec![id.to_string()]);
        let climbs = before.is_none_or(|before| before.climb(*now) == Transition::To(*now));
        if !climbs {
            core.violated("P5", About::Message(id), format!("{id} moved from {from} to {now}"));
        }
    }

    /// All actions that were ever written.
    pub(crate) fn actions(&self) -> Vec<BulkActionId> {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// How often a row was seen.
    pub(crate) fn rows(&self) -> BTreeMap<MessageId, MessageStatus> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
