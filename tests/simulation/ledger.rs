//! What the simulated providers saw: the judge of what was sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::receipt::Report;
use domain::{Channel, MessageId};

/// A message that a provider accepted.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    /// Its place in the ledger, from 1; the provider's id of it follows from this.
    pub(crate) number: usize,
    pub(crate) id: MessageId,
    pub(crate) channel: Channel,
    pub(crate) to: String,
    pub(crate) text: String,
    /// When, in milliseconds since the beginning.
    pub(crate) at_ms: u64,
}

impl Accepted {
    pub(crate) fn provider_id(&self) -> String {
        format!("SM{:032}", self.number)
    }
}

/// The providers' book, and what was told about its messages.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    accepted: Vec<Accepted>,
    /// Requests that were begun, by message.
    requests: BTreeMap<MessageId, u32>,
    /// Reports that we took: the webhook was answered well.
    taken: BTreeMap<MessageId, Vec<Report>>,
    /// What may or may not have been heard: answers to whoever asked, and reports that nobody ever answered well.
    told: BTreeMap<MessageId, Vec<Report>>,
    /// Addresses that are opted out, with the diary's number of the acknowledgement.
    opted_out: BTreeMap<(Channel, String), u64>,
    /// When somebody last lifted an opt-out of an address, in milliseconds; what came shortly after is not judged.
    lifted: BTreeMap<(Channel, String), u64>,
}

/// Clocks may differ by up to a second, and of two that meet the one with the later time wins.
const TOO_CLOSE_MS: u64 = 3_000;

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins. Answers when the recipient's opt-out was acknowledged, if it was.
    pub(crate) fn request(&self, id: MessageId, channel: Channel, to: &str) -> Option<u64> {
        let mut book = self.book();
        *book.requests.entry(id).or_default() += 1;
        book.opted_out.get(&(channel, to.to_owned())).copied()
    }

    /// The provider takes a message.
    pub(crate) fn accept(
        &self,
        id: MessageId,
        channel: Channel,
        to: &str,
        text: &str,
        at_ms: u64,
    ) -> Accepted {
        let mut book = self.book();
        let number = book.accepted.len() + 1;
        let accepted = Accepted { number, id, channel, to: to.to_owned(), text: text.to_owned(), at_ms };
        book.accepted.push(accepted.clone());
        accepted
    }

    /// A report on a message was taken.
    pub(crate) fn took(&self, id: MessageId, report: Report) {
        self.book().taken.entry(id).or_default().push(report);
    }

    /// What became of a message was told, and perhaps heard.
    pub(crate) fn told(&self, id: MessageId, report: Report) {
        self.book().told.entry(id).or_default().push(report);
    }

    /// What was told and perhaps heard, by message.
    pub(crate) fn all_told(&self) -> BTreeMap<MessageId, Vec<Report>> {
        self.book().told.clone()
    }

    /// An opt-out that began at `began_ms` was acknowledged.
    pub(crate) fn opted_out(&self, channel: Channel, to: &str, began_ms: u64, number: u64) {
        let mut book = self.book();
        let key = (channel, to.to_owned());
        let close = book.lifted.get(&key).is_some_and(|at| began_ms < at.saturating_add(TOO_CLOSE_MS));
        if !close {
            book.opted_out.entry(key).or_insert(number);
        }
    }

    /// Somebody lifts an opt-out, and is at it until `until_ms` at least.
    pub(crate) fn lifts(&self, channel: Channel, to: &str, until_ms: u64) {
        let mut book = self.book();
        let key = (channel, to.to_owned());
        book.opted_out.remove(&key);
        let at = book.lifted.entry(key).or_default();
        *at = until_ms.max(if *at == u64::MAX { 0 } else { *at });
    }

    /// All that was accepted, in order.
    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        self.book().accepted.clone()
    }

    /// Who got what, sorted.
    pub(crate) fn sorted(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self
            .book()
            .accepted
            .iter()
            .map(|accepted| (accepted.to.clone(), accepted.text.clone()))
            .collect();
        all.sort_unstable();
        all
    }

    /// Requests that were begun, by message.
    pub(crate) fn requests(&self) -> BTreeMap<MessageId, u32> {
        self.book().requests.clone()
    }

    /// Reports that were taken, by message.
    pub(crate) fn taken(&self) -> BTreeMap<MessageId, Vec<Report>> {
        self.book().taken.clone()
    }
}
