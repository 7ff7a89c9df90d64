//! Sending.

use crate::sqs::batch;
use crate::sqs::message::{self, LARGEST_BATCH};
use crate::sqs::protocol::{BatchInput, BatchOutput, Outgoing, Sent};
use crate::sqs::receipt::message_id;
use crate::sqs::refusal::{Fault, Refusal};
use crate::sqs::state::Call;

const ENTRY: &str = "SendMessageBatchRequestEntry";

pub(in crate::sqs) fn send(call: &mut Call<'_>, mut input: Outgoing) -> Result<Sent, Refusal> {
    let (now, url) = (call.now, input.queue_url.take());
    let (store, queue, _) = call.queue(url.as_deref())?;
    let accepted = message::accept(input, &queue.settings, false)?;
    let row = store.write(|tables| Ok(tables.insert_message(queue.id, &accepted, now)?))?;
    queue.arrived.notify_waiters();
    Ok(accepted.sent(None, message_id(row)))
}

pub(in crate::sqs) fn send_batch(
    call: &mut Call<'_>,
    input: BatchInput<Outgoing>,
) -> Result<BatchOutput<Sent>, Refusal> {
    let now = call.now;
    let (store, queue, _) = call.queue(input.queue_url.as_deref())?;
    batch::check(&input.entries, ENTRY)?;
    let bodiless = |entry: &Outgoing| entry.message_body.as_ref().is_none_or(String::is_empty);
    if let Some(at) = input.entries.iter().position(bodiless) {
        return Err(Refusal::missing(&format!("{ENTRY}.{}.MessageBody", at + 1)));
    }
    let size: usize = input.entries.iter().map(message::size).sum();
    if size > LARGEST_BATCH {
        let message = format!(
            "Batch requests cannot be longer than {LARGEST_BATCH} bytes. You have sent {size} bytes."
        );
        return Err(Refusal::new(Fault::BatchRequestTooLong, message));
    }
    let (id, settings) = (queue.id, &queue.settings);
    let output = store.write(|tables| {
        Ok(batch::each(input.entries, |entry, entry_id| {
            let accepted = message::accept(entry, settings, true)?;
            let row = tables.insert_message(id, &accepted, now)?;
            Ok(accepted.sent(Some(entry_id), message_id(row)))
        }))
    })?;
    queue.arrived.notify_waiters();
    Ok(output)
}
