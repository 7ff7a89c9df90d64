//! Reads that are only eventually consistent: an index that does not know of a write yet, an item as it was a moment ago.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use engine::Answer;
use serde_json::{Value, json};
use testing::transport::Call;

use super::describe::touched;
use crate::simulation::core::{Core, DIRECTORY, text};

/// How long an old version may still be read, in milliseconds.
const LAG_MS: u64 = 5_000;

/// Members as they were before they were last written, and when that was.
#[derive(Debug, Default)]
pub(crate) struct Past(Mutex<BTreeMap<String, (u64, Option<Value>)>>);

impl Past {
    /// Remembers what a write is about to change.
    pub(super) fn remember(&self, core: &Core, call: &Call) {
        if !call.body.contains("#M#") || core.faults.lagging == 0.0 {
            return;
        }
        let request: Value = serde_json::from_str(&call.body).unwrap_or_default();
        for place in touched(call, &request).into_iter().filter(|place| place.contains("#M#")) {
            let Some((pk, sk)) = place.split_once('/') else { continue };
            let old = core.peek(DIRECTORY, &json!({ "pk": { "S": pk }, "sk": { "S": sk } }));
            let entry = (core.time.elapsed_ms(), old);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, entry);
        }
    }

    /// What `item` was until a moment ago: as it is if it did not change lately, `None` if it was not there.
    fn of(&self, core: &Core, item: Value) -> Option<Value> {
        let place = format!("{}/{}", text(&item["pk"]), text(&item["sk"]));
        let past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match past.get(&place) {
            Some((at, old)) if core.time.elapsed_ms() < at + LAG_MS => old.clone(),
            _ => Some(item),
        }
    }
}

/// The answer as a reader may see it who did not ask for a consistent one.
pub(super) fn seen(core: &Core, call: &Call, answer: Answer) -> Answer {
    let reads = matches!(call.operation.as_str(), "Query" | "BatchGetItem");
    if !reads || !answer.is_success() || call.body.contains("\"ConsistentRead\":true") || core.is_healed() {
        return answer;
    }
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_work = call.body.contains("\"IndexName\":\"work\"");
    let lists = match body.get_mut("Items") {
        Some(items) => vec![items],
        None => {
            body["Responses"].as_object_mut().map(|tables| tables.values_mut().collect()).unwrap_or_default()
        }
    };
    for list in lists {
        let items = list.as_array_mut().map(std::mem::take).unwrap_or_default();
        let version = |item: Value| {
            if !core.fault(core.faults.lagging) {
                Some(item)
            } else if is_work {
                // It is found at the next tick.
                None
            } else {
                core.past.of(core, item)
            }
        };
        *list = items.into_iter().filter_map(version).collect();
    }
    Answer { body: body.to_string().into_bytes(), ..answer }
}
