//! What is done with a receipt handle: deleting, and changing visibility.

use crate::sqs::batch;
use crate::sqs::protocol::{BatchDone, BatchInput, BatchOutput, Nothing, ReceiptInput};
use crate::sqs::receipt::Receipt;
use crate::sqs::refusal::Refusal;
use crate::sqs::state::Call;
use crate::sqs::storage::Tables;

/// A message can be kept invisible for this long after it was received.
const LONGEST_INVISIBLE_MS: i64 = 43_200_000;

pub(in crate::sqs) fn delete(call: &mut Call<'_>, mut input: ReceiptInput) -> Result<Nothing, Refusal> {
    let url = input.queue_url.take();
    let (store, queue, _) = call.queue(url.as_deref())?;
    store.write(|tables| delete_one(tables, queue.id, &input))?;
    Ok(Nothing {})
}

pub(in crate::sqs) fn delete_batch(
    call: &mut Call<'_>,
    input: BatchInput<ReceiptInput>,
) -> Result<BatchOutput<BatchDone>, Refusal> {
    let (store, queue, _) = call.queue(input.queue_url.as_deref())?;
    batch::check(&input.entries, "DeleteMessageBatchRequestEntry")?;
    store.write(|tables| {
        Ok(batch::each(input.entries, |entry, id| {
            delete_one(tables, queue.id, &entry).map(|()| BatchDone { id })
        }))
    })
}

/// Deletes a message. A handle of an earlier receipt succeeds and deletes nothing, as the service allows itself to;
/// so does one of a message that is gone.
fn delete_one(tables: Tables<'_>, queue: i64, input: &ReceiptInput) -> Result<(), Refusal> {
    let receipt = Receipt::read(input.receipt_handle.as_deref(), queue)?;
    Ok(tables.delete_message(queue, receipt.message, receipt.receive)?)
}

pub(in crate::sqs) fn change_visibility(
    call: &mut Call<'_>,
    mut input: ReceiptInput,
) -> Result<Nothing, Refusal> {
    let (now, url) = (call.now, input.queue_url.take());
    let (store, queue, _) = call.queue(url.as_deref())?;
    store.write(|tables| change_one(tables, queue.id, &input, now))?;
    queue.arrived.notify_waiters();
    Ok(Nothing {})
}

pub(in crate::sqs) fn change_visibility_batch(
    call: &mut Call<'_>,
    input: BatchInput<ReceiptInput>,
) -> Result<BatchOutput<BatchDone>, Refusal> {
    let now = call.now;
    let (store, queue, _) = call.queue(input.queue_url.as_deref())?;
    batch::check(&input.entries, "ChangeMessageVisibilityBatchRequestEntry")?;
    let output = store.write(|tables| {
        Ok(batch::each(input.entries, |entry, id| {
            change_one(tables, queue.id, &entry, now).map(|()| BatchDone { id })
        }))
    })?;
    queue.arrived.notify_waiters();
    Ok(output)
}

/// Shows or hides a message. The service also takes handles of earlier receipts, and messages whose time-out has passed.
fn change_one(tables: Tables<'_>, queue: i64, input: &ReceiptInput, now: i64) -> Result<(), Refusal> {
    let receipt = Receipt::read(input.receipt_handle.as_deref(), queue)?;
    let timeout = input.visibility_timeout.ok_or_else(|| Refusal::missing("VisibilityTimeout"))?;
    let timeout_ms = read_visibility(timeout)?;
    let Some(received_at) = tables.received_at(queue, receipt.message)? else {
        let handle = input.receipt_handle.as_deref().unwrap_or_default();
        let reason = "Message does not exist or is not available for visibility timeout change.";
        return Err(Refusal::parameter("ReceiptHandle", handle, reason));
    };
    if now + timeout_ms > received_at + LONGEST_INVISIBLE_MS {
        let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
        return Err(Refusal::parameter("VisibilityTimeout", timeout, reason));
    }
    Ok(tables.set_visible_at(receipt.message, now + timeout_ms)?)
}

/// A visibility time-out in milliseconds.
pub(super) fn read_visibility(seconds: i64) -> Result<i64, Refusal> {
    if (0..=43_200).contains(&seconds) {
        return Ok(seconds * 1000);
    }
    let reason = "VisibilityTimeout must be an integer between 0 and 43200";
    Err(Refusal::parameter("VisibilityTimeout", seconds, reason))
}
