//! The rules that all batch requests share.

use super::address::is_name_byte;
use super::protocol::{BatchFailure, BatchOutput, Outgoing, ReceiptInput};
use super::refusal::{Fault, Refusal};

const MOST_ENTRIES: usize = 10;
const LONGEST_ID: usize = 80;

/// An entry of a batch request.
pub(super) trait Entry {
    fn id(&self) -> Option<&str>;
}

impl Entry for Outgoing {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl Entry for ReceiptInput {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// Checks the number of entries and their ids, which refuse the request as a whole. `shape` is the entry's name in
/// the service model.
pub(super) fn check<T: Entry>(entries: &[T], shape: &str) -> Result<(), Refusal> {
    if entries.is_empty() {
        let message = format!("There should be at least one {shape} in the request.");
        return Err(Refusal::new(Fault::EmptyBatchRequest, message));
    }
    if entries.len() > MOST_ENTRIES {
        let sent = entries.len();
        let message =
            format!("Maximum number of entries per request are {MOST_ENTRIES}. You have sent {sent}.");
        return Err(Refusal::new(Fault::TooManyEntriesInBatchRequest, message));
    }
    let mut seen: Vec<&str> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let id = entry.id().ok_or_else(|| Refusal::missing(&format!("{shape}.{}.Id", at + 1)))?;
        if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(is_name_byte) {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                           It can be at most 80 letters long.";
            return Err(Refusal::new(Fault::InvalidBatchEntryId, message));
        }
        if seen.contains(&id) {
            return Err(Refusal::new(Fault::BatchEntryIdsNotDistinct, format!("Id {id} repeated.")));
        }
        seen.push(id);
    }
    Ok(())
}

/// Runs every entry by itself: one that fails does not touch the others.
pub(super) fn each<T: Entry, D>(
    entries: Vec<T>,
    mut run: impl FnMut(T, String) -> Result<D, Refusal>,
) -> BatchOutput<D> {
    let mut output = BatchOutput { successful: Vec::with_capacity(entries.len()), failed: Vec::new() };
    for entry in entries {
        let id = entry.id().unwrap_or_default().to_owned();
        match run(entry, id.clone()) {
            Ok(done) => output.successful.push(done),
            Err(refusal) => output.failed.push(BatchFailure::new(id, refusal)),
        }
    }
    output
}
