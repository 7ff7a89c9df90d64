//! What people did in a run, what was done to the stack, and what they were told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Timestamp;
use serde_json::Value;

/// The account that everybody in a run writes into.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Ids of the actions that carry a tag: the send's own, then its retries'.
    pub(crate) actions: BTreeMap<&'static str, Vec<String>>,
    /// Ids of accepted single sends and replies, by the word that stands in each.
    pub(crate) directs: BTreeMap<String, String>,
    pub(crate) opt_outs: Vec<OptOut>,
    pub(crate) contests: Vec<Contest>,
    pub(crate) blows: Vec<Blow>,
    /// What a reader saw that must not be.
    pub(crate) sights: Vec<String>,
}

/// An opt-out of an address on a channel.
#[derive(Debug, Clone)]
pub(crate) struct OptOut {
    pub(crate) channel: &'static str,
    pub(crate) address: String,
    pub(crate) member_id: String,
    pub(crate) how: &'static str,
    /// When the one who opted out had the answer; `None` if there was none.
    pub(crate) acknowledged_at: Option<Timestamp>,
}

/// Several people who ask for the same at once.
#[derive(Debug, Clone)]
pub(crate) struct Contest {
    pub(crate) what: &'static str,
    /// The send that it is about.
    pub(crate) tag: &'static str,
    pub(crate) answers: Vec<(u16, Value)>,
    /// How many never had an answer.
    pub(crate) unanswered: usize,
}

/// Something that was done to the stack.
#[derive(Debug, Clone)]
pub(crate) struct Blow {
    pub(crate) at: Timestamp,
    pub(crate) what: String,
    /// Processes of dispatchers that it killed, by channel.
    pub(crate) dispatchers: BTreeMap<String, usize>,
    /// Messages of the queue `apply-receipt` that it threw away.
    pub(crate) purged_receipts: usize,
}

impl Journal {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ids of all actions, with their tags.
    pub(crate) fn actions(&self) -> Vec<(&'static str, String)> {
        let entries = self.entries();
        let all = entries.actions.iter().flat_map(|(tag, ids)| ids.iter().map(|id| (*tag, id.clone())));
        all.collect()
    }

    pub(crate) fn action(&self, tag: &str) -> Option<String> {
        self.entries().actions.get(tag).and_then(|ids| ids.first().cloned())
    }

    pub(crate) fn saw(&self, what: String) {
        self.entries().sights.push(what);
    }
}
