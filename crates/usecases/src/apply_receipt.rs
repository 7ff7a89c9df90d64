//! `apply-receipt`: moves rows by what providers report. Receipts come late, twice, out of order and before our own `sent`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::opt_out::{Change as OptOut, Source};
use domain::receipt::{Receipt, Report};
use domain::{Channel, Clock, MessageId, MessageStatus, OrgId, Reason, Timestamp};
use store::Store;
use store::chunk::Noted;
use store::row::{Change, Changed, Event, Row};
use wire::queue::ApplyReceiptJob;

use crate::{Error, Notes, opt_out};

/// What `apply-receipt` needs.
pub struct ApplyReceipt {
    /// The database.
    pub store: Store,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Promises of changes.
    pub notes: Notes,
}

/// Does some jobs together: what they have in common costs once. Doing them again changes nothing.
///
/// # Errors
/// If the database gives no answer; some receipts may have been applied.
pub async fn apply_receipt(deps: &ApplyReceipt, jobs: Vec<ApplyReceiptJob>) -> Result<(), Error> {
    let mut by_sender: BTreeMap<(OrgId, Channel), Vec<Came>> = BTreeMap::new();
    for ApplyReceiptJob::V1 { org_id, channel, receipts, came_at } in jobs {
        // Twilio does not say when something happened: its reports have the time at which they came already.
        let at = came_at.filter(|_| channel != Channel::Sms);
        let came = receipts.into_iter().map(|receipt| Came { receipt, at });
        by_sender.entry((org_id, channel)).or_default().extend(came);
    }
    for ((org, channel), receipts) in by_sender {
        apply(deps, &org, channel, receipts).await?;
    }
    Ok(())
}

/// A receipt, and when it came if that is another time than it tells.
#[derive(Debug, Clone)]
struct Came {
    receipt: Receipt,
    at: Option<Timestamp>,
}

async fn apply(deps: &ApplyReceipt, org: &OrgId, channel: Channel, receipts: Vec<Came>) -> Result<(), Error> {
    let receipts = worth_applying(deps, org, receipts).await?;
    let receipts = promised(deps, org, receipts).await?;
    // A row's first report goes with the others, under the guess that the row is `sent`; its further ones follow one by one.
    let mut rows = BTreeSet::new();
    let (first, further): (Vec<_>, Vec<_>) = receipts
        .into_iter()
        .partition(|Came { receipt, .. }| moves_sent(receipt) && rows.insert(receipt.message_id));
    let moves: Vec<(MessageId, Change)> =
        first.iter().map(|came| (came.receipt.message_id, change(channel, came))).collect();
    let outcomes = deps.store.record(org, MessageStatus::Sent, &moves).await?;
    for (came, changed) in first.iter().zip(outcomes) {
        conclude(deps, org, came, changed).await?;
    }
    for came in &further {
        let id = came.receipt.message_id;
        let changed = deps.store.change_row(org, id, &change(channel, came)).await?;
        conclude(deps, org, came, changed).await?;
    }
    Ok(())
}

/// Whether a report moves a row that is `sent`.
fn moves_sent(receipt: &Receipt) -> bool {
    receipt.report.status().is_some_and(|status| status > MessageStatus::Sent)
}

fn change(channel: Channel, Came { receipt, at: came_at }: &Came) -> Change {
    Change::Receipt {
        channel,
        report: receipt.report,
        provider_message_id: receipt.provider_message_id.clone(),
        provider_code: receipt.provider_code.clone(),
        at: receipt.at,
        came_at: *came_at,
    }
}

/// A report of `sent` usually comes after our own; then a cheap read spares a write that would be refused.
async fn worth_applying(deps: &ApplyReceipt, org: &OrgId, receipts: Vec<Came>) -> Result<Vec<Came>, Error> {
    let sent: BTreeSet<MessageId> = receipts
        .iter()
        .map(|came| &came.receipt)
        .filter(|receipt| receipt.report == Report::Sent)
        .map(|receipt| receipt.message_id)
        .collect();
    let sent: Vec<MessageId> = sent.into_iter().collect();
    let known = |row: &Row| row.status >= MessageStatus::Sent && row.provider_message_id.is_some();
    let rows = deps.store.rows(org, &sent).await?;
    let nothing_new: BTreeSet<MessageId> = rows.into_iter().filter(known).map(|row| row.id).collect();
    let adds = |Came { receipt, .. }: &Came| {
        receipt.report != Report::Sent || !nothing_new.contains(&receipt.message_id)
    };
    Ok(receipts.into_iter().filter(adds).collect())
}

/// Promises the changes to the counts; receipts of chunks that do not exist are dropped.
async fn promised(deps: &ApplyReceipt, org: &OrgId, receipts: Vec<Came>) -> Result<Vec<Came>, Error> {
    let mut chunks = HashMap::new();
    let mut kept = Vec::new();
    for came in receipts {
        let id = came.receipt.message_id;
        let chunk = (id.send, id.chunk);
        if let std::collections::hash_map::Entry::Vacant(e) = chunks.entry(chunk) {
            let noted = deps.notes.promise(&deps.store, deps.clock.as_ref(), org, id).await?;
            e.insert(noted);
        }
        match chunks.get(&chunk) {
            Some(Noted::NoSuchChunk) => unknown(id),
            _ => kept.push(came),
        }
    }
    Ok(kept)
}

fn unknown(id: MessageId) {
    tracing::warn!(message_id = %id, "a receipt names a message that does not exist");
}

/// What a receipt says beyond the status that it moved or did not move.
async fn conclude(deps: &ApplyReceipt, org: &OrgId, came: &Came, changed: Changed) -> Result<(), Error> {
    let receipt = &came.receipt;
    match changed {
        Changed::Missing => {
            unknown(receipt.message_id);
            return Ok(());
        }
        Changed::AlreadyPast(row) => event(deps, org, &row, came).await?,
        Changed::Yes => {}
    }
    match receipt.report {
        Report::OptedOut => {
            opt_out_recipient(&deps.store, deps.clock.as_ref(), org, receipt.message_id).await
        }
        Report::Sent | Report::Delivered | Report::Read | Report::Failed(_) | Report::Complained => Ok(()),
    }
}

/// The provider holds an opt-out (Twilio's 21610, Meta's 131050), and so do we from then on: since the time that stands in the row, so that the
/// same receipt does not opt out again whoever has come back.
pub(crate) async fn opt_out_recipient(
    store: &Store,
    clock: &dyn Clock,
    org: &OrgId,
    id: MessageId,
) -> Result<(), Error> {
    let Some(row) = store.row(org, id).await? else { return Ok(()) };
    let (MessageStatus::Skipped, Some(to), Some(at)) = (row.status, &row.address, row.ended_at) else {
        return Ok(());
    };
    let change = OptOut::Out { source: Source::Provider, at };
    opt_out::record(store, clock, org, row.channel, to, change).await.map(drop)
}

/// A failure that is reported after a delivery, and a complaint, leave the status and are kept in the history.
async fn event(
    deps: &ApplyReceipt,
    org: &OrgId,
    row: &Row,
    Came { receipt, at }: &Came,
) -> Result<(), Error> {
    let delivered = matches!(row.status, MessageStatus::Delivered | MessageStatus::Read);
    let what = match receipt.report {
        Report::Complained => "The recipient complained; the address is opted out".to_owned(),
        Report::Failed(code) if delivered => {
            let why = Reason::Failed(code).sentence(row.channel, None);
            let its = receipt.provider_code.as_ref().map(|code| format!(" (the provider's code: {code})"));
            format!("The provider reported a failure after the delivery: {why}{}", its.unwrap_or_default())
        }
        Report::OptedOut if delivered => "The provider reported an opt-out after the delivery".to_owned(),
        Report::Sent | Report::Delivered | Report::Read | Report::Failed(_) | Report::OptedOut => {
            return Ok(());
        }
    };
    // Providers repeat themselves: once said is enough.
    if row.events.iter().any(|event| event.what == what) {
        return Ok(());
    }
    // It stands where we heard of it: it moved nothing when it happened.
    Ok(deps.store.add_event(org, row.id, &Event { at: at.unwrap_or(receipt.at), what }).await?)
}
