//! Rows that have waited for long: their members are read again, and gate 1 judges them anew.

use std::time::Duration;

use domain::gate::{Planned, Refusal};
use domain::{Dedupe, MessageStatus, Reason, Routing, Timestamp};
use store::row::{Calls, Change, Row};
use store::targets::Target;

use super::{Connect, Dispatch, Work, record};
use crate::Error;
use crate::planner::Planner;

/// What was written so long ago is looked at again before it is sent.
const LONG_AGO: Duration = Duration::from_hours(1);

/// Whether the rows of the parcel were judged too long ago.
pub(super) fn is_due(work: &Work<'_>, now: Timestamp) -> bool {
    now.since(work.parcel.gate1_at) > LONG_AGO
}

/// What the member's record as it is now makes of a row.
enum Verdict {
    /// What it was.
    Same,
    /// It goes elsewhere or says something else.
    Rewrite(Planned),
    /// It is not sent.
    End(Refusal),
    /// It stays what it was: a household relies on it although its first member has another address, or it is part of a conversation.
    Kept,
}

/// Reads the members of all rows that wait again, those of the next pass too: gate 2 looks back to one time for all. Rows that gate 1 would
/// refuse now end with its reason; rows whose address or values have changed are rewritten; all others cost nothing but the read.
pub(super) async fn renew<C: Connect>(
    deps: &Dispatch<C>,
    work: &mut Work<'_>,
    rows: &mut [Row],
) -> Result<(), Error> {
    let (store, org) = (&deps.store, &work.action.org_id);
    let waits = |row: &Row| row.status == MessageStatus::Queued;
    // What is written in a conversation goes to its address, whatever becomes of the member.
    let is_to_member = |row: &&Row| row.conversation.is_none() && row.address.is_some();
    let target = |row: &Row| Some(row).filter(is_to_member)?.member_id.clone().map(Target::from);
    let targets: Vec<Target> = rows.iter().filter(|row| waits(row)).filter_map(target).collect();
    if targets.is_empty() {
        return Ok(());
    }
    let channels = store.channels(org).await?;
    let said = std::slice::from_ref(work.content);
    // The channel was chosen when the row was written.
    let planner = Planner::load(store, org, &channels, said, Routing::All).await?;
    // Before the members are read: an opt-out from this moment on is gate 2's to see.
    let gate1_at = deps.clock.now();
    let members = planner.members(store, org, &targets).await?;

    let mut ended = Vec::new();
    let mut all_renewed = true;
    for row in rows.iter_mut().filter(|row| waits(row)) {
        let plan = target(row).and_then(|target| planner.rows(&target, members.get(&target.member_id)).pop());
        match plan.map_or(Verdict::Kept, |plan| judge(work, row, plan)) {
            Verdict::Same => {}
            Verdict::Kept => all_renewed = false,
            Verdict::Rewrite(plan) => rewrite(deps, work, row, plan).await?,
            Verdict::End(refusal) => {
                row.status = match refusal.reason {
                    Reason::Failed(_) => MessageStatus::Failed,
                    Reason::Skipped(_) => MessageStatus::Skipped,
                };
                ended.push((row.id, end(row, refusal, gate1_at)));
            }
        }
    }
    record(deps, work, &ended).await?;
    if all_renewed {
        work.parcel.gate1_at = gate1_at;
    }
    Ok(())
}

fn judge(work: &Work<'_>, row: &Row, planned: Planned) -> Verdict {
    let moved = planned.address.is_some() && planned.address != row.address;
    if moved && work.action.dedupe == Dedupe::Address {
        return Verdict::Kept;
    }
    match planned.refused.clone() {
        Some(refusal) => Verdict::End(refusal),
        None if moved || planned.values != row.values => Verdict::Rewrite(planned),
        None => Verdict::Same,
    }
}

/// A row that somebody else has changed meanwhile is taken as it then is.
async fn rewrite<C: Connect>(
    deps: &Dispatch<C>,
    work: &Work<'_>,
    row: &mut Row,
    planned: Planned,
) -> Result<(), Error> {
    let renewed = Row { address: planned.address, values: planned.values, ..row.clone() };
    if deps.store.rewrite_row(row, &renewed, &work.holder).await? {
        *row = renewed;
    } else if let Some(now) = deps.store.row(&row.org_id, row.id).await? {
        *row = now;
    }
    Ok(())
}

fn end(row: &Row, refusal: Refusal, at: Timestamp) -> Change {
    let Refusal { reason, detail } = refusal;
    Change::Ended { reason, detail, provider_code: None, attempts: row.attempts, at, calls: Calls::default() }
}
