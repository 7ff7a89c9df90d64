//! `apply-receipt`: moves rows by what providers report. Receipts come late, twice, out of order and before our own `sent`.

use std::sync::Arc;

use domain::receipt::{Receipt, Report};
use domain::{Channel, Clock, MessageStatus, OrgId};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::Store;
use store::chunk::Noted;
use store::row::{Change, Changed, Event, Row};
use wire::queue::ApplyReceiptJob;

use crate::{Error, Notes};

/// Receipts of one job that are applied at once.
const CONCURRENT: usize = 8;

/// What `apply-receipt` needs.
pub struct ApplyReceipt {
    /// The database.
    pub store: Store,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Promises of changes.
    pub notes: Notes,
}

/// Does one job. Doing it again changes nothing.
///
/// # Errors
/// If the database gives no answer; some receipts may have been applied.
pub async fn apply_receipt(deps: &ApplyReceipt, job: ApplyReceiptJob) -> Result<(), Error> {
    let ApplyReceiptJob::V1 { org_id, channel, receipts } = job;
    stream::iter(receipts)
        .map(|receipt| apply(deps, &org_id, channel, receipt))
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await
}

async fn apply(deps: &ApplyReceipt, org: &OrgId, channel: Channel, receipt: Receipt) -> Result<(), Error> {
    let id = receipt.message_id;
    if receipt.report == Report::Sent && adds_nothing(deps, org, &receipt).await? {
        return Ok(());
    }
    if deps.notes.promise(&deps.store, deps.clock.as_ref(), org, id).await? == Noted::NoSuchChunk {
        tracing::warn!(message_id = %id, "a receipt names a message that does not exist");
        return Ok(());
    }
    let Some(status) = receipt.report.status() else {
        return complained(deps, org, &receipt).await;
    };
    let change = Change::Receipt {
        channel,
        report: receipt.report,
        provider_message_id: receipt.provider_message_id,
        provider_code: receipt.provider_code,
        at: receipt.at,
    };
    match deps.store.change_row(org, id, &change).await? {
        Changed::Yes => {}
        Changed::Missing => tracing::warn!(message_id = %id, "a receipt names a message that does not exist"),
        Changed::AlreadyPast(row) => contradiction(deps, org, &row, status, receipt.at).await?,
    }
    Ok(())
}

/// A report of `sent` usually comes after our own; then a cheap read spares a write that would be refused.
async fn adds_nothing(deps: &ApplyReceipt, org: &OrgId, receipt: &Receipt) -> Result<bool, Error> {
    let row = deps.store.row_eventually(org, receipt.message_id).await?;
    let known = |row: Row| row.status >= MessageStatus::Sent && row.provider_message_id.is_some();
    Ok(row.is_some_and(known))
}

/// A failure that is reported after a delivery leaves the status and is kept in the history.
async fn contradiction(
    deps: &ApplyReceipt,
    org: &OrgId,
    row: &Row,
    reported: MessageStatus,
    at: domain::Timestamp,
) -> Result<(), Error> {
    let delivered = matches!(row.status, MessageStatus::Delivered | MessageStatus::Read);
    if delivered && matches!(reported, MessageStatus::Failed | MessageStatus::Skipped) {
        let what = format!("The provider reported `{reported}` after the delivery");
        deps.store.add_event(org, row.id, &Event { at, what }).await?;
    }
    Ok(())
}

async fn complained(deps: &ApplyReceipt, org: &OrgId, receipt: &Receipt) -> Result<(), Error> {
    let what = "The recipient complained; the address is opted out".to_owned();
    Ok(deps.store.add_event(org, receipt.message_id, &Event { at: receipt.at, what }).await?)
}
