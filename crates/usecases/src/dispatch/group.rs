//! One group of calls: mark, gate 2, calls, record. In this order, whatever happens.

use std::collections::BTreeMap;
use std::time::Duration;

use channels::{Outcome, Outgoing, Sender};
use domain::content::Rendered;
use domain::gate::Refusal;
use domain::variables::Variable;
use domain::{FailureCode, MessageId, Reason, SkipCode, Timestamp};
use futures_util::future::join_all;
use store::directory::AddressHash;
use store::parcel::Held;
use store::row::{Change, Row};

use super::outcome::{InHand, change_of, end, put_off};
use super::sender::Line;
use super::{Connect, Dispatch, Work, record};
use crate::Error;

/// Gate 2 is read at most this long before a call (P4), less what the calls need to start.
const GATE_HOLDS: Duration = Duration::from_millis(900);
/// How far back gate 2 reads before gate 1 looked: the most by which the clocks of two functions may differ, and what an index may lag.
const GATE_MARGIN: Duration = Duration::from_mins(1);

/// What became of a group.
pub(super) enum Sent {
    /// It was handed over or refused.
    Done {
        /// Its rows, as they are now.
        rows: Vec<Row>,
        /// Whether the provider asked for patience.
        throttled: bool,
    },
    /// The claim was lost before the calls began.
    Lost,
}

/// A row and what it says, or why it cannot be said.
struct Letter {
    row: Row,
    /// What stands for its address in opt-outs and links.
    hash: Option<AddressHash>,
    rendered: Result<Rendered, Reason>,
    unsubscribe_url: Option<String>,
}

pub(super) async fn send<C: Connect>(
    deps: &Dispatch<C>,
    work: &mut Work<'_>,
    line: &mut Line<C::Sender>,
    rows: Vec<Row>,
) -> Result<Sent, Error> {
    let letters: Vec<Letter> = rows.into_iter().map(|row| letter(deps, work, row)).collect();
    let Some(last) = letters.last() else { return Ok(Sent::Done { rows: Vec::new(), throttled: false }) };
    let (org, send) = (work.action.org_id.clone(), work.action.id.ulid());
    let before = work.parcel.mark;
    let mark = last.row.id.slot + 1;
    let now = deps.clock.now();
    match deps.store.move_mark(&org, send, work.parcel, &work.holder, mark, now).await {
        Ok(Held::Yes) => {}
        Ok(Held::Lost) => return Ok(Sent::Lost),
        Err(error) => return put_back(deps, work, before, error.into()).await,
    }
    work.parcel.mark = mark;
    work.parcel.marked_at = Some(now);
    if let Some(claim) = &mut work.parcel.claim {
        claim.until = now + store::parcel::CLAIM;
    }

    // After the mark, so that nothing slow stands between the gate and the calls.
    let gate_read_at = deps.clock.now();
    let gate = match deps.store.opt_outs_since(&org, work.parcel.gate1_at - GATE_MARGIN).await {
        Ok(gate) => gate,
        Err(error) => return put_back(deps, work, before, error.into()).await,
    };
    let calls = letters.into_iter().map(|letter| async {
        let opted_out = |hash| gate.has_opted_out(C::CHANNEL, letter.row.member_id.as_ref(), hash);
        let skip = letter.hash.as_ref().is_some_and(opted_out);
        (call(deps, line, &org, &letter, skip, gate_read_at).await, letter.row)
    });
    let results = join_all(calls).await;

    let at = deps.clock.now();
    let since = (work.claimed_at, gate_read_at);
    let changes: Vec<(MessageId, Change)> =
        results.iter().map(|(called, row)| (row.id, called.change(row, since, at))).collect();
    // Before anything else that may fail: an outcome that is not recorded is unknown for ever.
    record(deps, work, &changes).await?;
    let mut done = Vec::new();
    let mut throttled = false;
    for ((called, mut row), (_, change)) in results.into_iter().zip(&changes) {
        match &called {
            Called::Answered { outcome, .. } => {
                throttled |= matches!(outcome, Outcome::Retry { slow_down: true, .. });
                line.learn(deps, &org, outcome, &row, at).await?;
            }
            // We are too slow ourselves: a pause helps here, too.
            Called::TooLate { .. } => throttled = true,
            Called::Ended(_) => {}
        }
        apply(&mut row, change);
        done.push(row);
    }
    Ok(Sent::Done { rows: done, throttled })
}

/// Takes the mark back after a fault before the first call: without its mark the group is not unknown but simply not sent.
async fn put_back<C: Connect>(
    deps: &Dispatch<C>,
    work: &Work<'_>,
    before: u16,
    fault: Error,
) -> Result<Sent, Error> {
    let (org, send, now) = (&work.action.org_id, work.action.id.ulid(), deps.clock.now());
    // If that fails too, the fault that came first says more.
    if let Err(error) = deps.store.move_mark(org, send, work.parcel, &work.holder, before, now).await {
        tracing::warn!(bulk_action_id = %work.action.id, error = %telemetry::chain(&error), "a mark was not taken back");
    }
    Err(fault)
}

/// What became of one row.
enum Called {
    /// The provider was called.
    Answered { outcome: Outcome, tried_at: Timestamp, answered_at: Timestamp },
    /// It was not: gate 2 was read too long ago to vouch for the row, which goes back for the next pass.
    TooLate { tried_at: Timestamp },
    /// It was not and will not be.
    Ended(Reason),
}

impl Called {
    /// `since`: when the parcel was claimed, and when gate 2 was read.
    fn change(&self, row: &Row, since: (Timestamp, Timestamp), now: Timestamp) -> Change {
        let (claimed_at, gate2_at) = since;
        let hand = |at, until| InHand { claimed_at, gate2_at, at, until };
        match self {
            Self::Answered { outcome, tried_at, answered_at } => {
                change_of(outcome, row, hand(*tried_at, *answered_at))
            }
            Self::TooLate { tried_at } => put_off(row, hand(*tried_at, now)),
            Self::Ended(reason) => end(row, hand(gate2_at, now), *reason),
        }
    }
}

async fn call<C: Connect>(
    deps: &Dispatch<C>,
    line: &Line<C::Sender>,
    org: &domain::OrgId,
    letter: &Letter,
    skip: bool,
    gate_read_at: Timestamp,
) -> Called {
    if skip {
        return Called::Ended(Reason::Skipped(SkipCode::OptedOut));
    }
    // A row that never had an address was never queued.
    let Some(to) = &letter.row.address else {
        let erased = letter.row.erased;
        let code = if erased { FailureCode::MemberNotFound } else { FailureCode::InternalError };
        return Called::Ended(Reason::Failed(code));
    };
    let content = match &letter.rendered {
        Ok(content) => content,
        Err(reason) => return Called::Ended(*reason),
    };
    let tried_at = deps.clock.now();
    if tried_at.since(gate_read_at) > GATE_HOLDS {
        return Called::TooLate { tried_at };
    }
    let outgoing = Outgoing {
        message_id: letter.row.id,
        org_id: org,
        to,
        content,
        unsubscribe_url: letter.unsubscribe_url.as_deref(),
    };
    let outcome = line.sender.send(&outgoing).await;
    Called::Answered { outcome, tried_at, answered_at: deps.clock.now() }
}

/// Writes the message for its recipient. It was written once at gate 1, so a failure here is one of ours.
fn letter<C: Connect>(deps: &Dispatch<C>, work: &Work<'_>, row: Row) -> Letter {
    let org = &work.action.org_id;
    let hash = row.address.as_ref().map(|address| deps.store.address_hash(org, address));
    let unsubscribe_url = hash.as_ref().and_then(|hash| deps.connect.unsubscribe_url(org, hash));
    let mut values: BTreeMap<Variable, String> = row.values.clone();
    values.extend(unsubscribe_url.clone().map(|url| (Variable::UnsubscribeUrl, url)));
    let rendered = match &work.message {
        Ok(message) => message.render(&values).map_err(|unwritable| Refusal::from(unwritable).reason),
        Err(_) => Err(Reason::Failed(FailureCode::InternalError)),
    };
    Letter { row, hash, rendered, unsubscribe_url }
}

/// What the change makes of our copy of the row, as far as the rest of the pass depends on it.
fn apply(row: &mut Row, change: &Change) {
    use domain::MessageStatus::{Failed, Sending, Sent, Skipped};
    match change {
        Change::Accepted { .. } => row.status = Sent,
        Change::Unknown { .. } => row.status = Sending,
        Change::TryAgain { pass, next_attempt_at, attempts, calls, .. } => {
            row.calls = calls.clone();
            row.pass = *pass;
            row.attempts = *attempts;
            row.next_attempt_at = Some(*next_attempt_at);
        }
        Change::Ended { reason: Reason::Failed(_), .. } => row.status = Failed,
        Change::Ended { reason: Reason::Skipped(_), .. } => row.status = Skipped,
        Change::Unconfirmed { .. } | Change::Found { .. } | Change::Receipt { .. } => {}
    }
}
