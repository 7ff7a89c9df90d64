//! One group of calls: mark and gate 2, slots, calls, record. In this order, whatever happens.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use channels::{Limited, Outcome, Outgoing, Sender};
use domain::content::Rendered;
use domain::gate::Refusal;
use domain::pace::Load;
use domain::variables::Variable;
use domain::{Channel, FailureCode, MessageId, OrgId, Reason, SkipCode, Timestamp};
use futures_util::future::{join_all, join3};
use store::directory::{AddressHash, OptOutsSince};
use store::parcel::{Held, Mark};
use store::row::{Change, Row};

use super::outcome::{InHand, change_of, end, put_off};
use super::sender::Line;
use super::slots::{self, Turn};
use super::{Connect, Dispatch, Work, record};
use crate::{Error, pacing};

/// Gate 2 is read at most this long before a call (P4), less what the calls need to start.
const GATE_HOLDS: Duration = Duration::from_millis(900);
/// How far back gate 2 reads before gate 1 looked: the most by which the clocks of two functions may differ, and what an index may lag.
const GATE_MARGIN: Duration = Duration::from_mins(1);

/// Before slots that begin later than this, gate 2 is read again when their time is near.
const NEAR: Duration = Duration::from_millis(100);
/// How often slots are taken for calls of a group that were late for theirs.
const ROUNDS: u32 = 4;

/// What became of a group.
pub(super) enum Sent {
    /// It was handed over or refused: its rows, as they are now.
    Done(Vec<Row>),
    /// Nobody was called: the sender has no slots before.
    NotBefore(Timestamp),
    /// The claim was lost before the calls began.
    Lost,
    /// Nobody was called: the sender was paused meanwhile.
    Resting,
    /// Nobody was called: by the sender's present pace and its room of the day these are too many for one group.
    TooMany,
}

/// A row and what it says, or why it cannot be said.
pub(super) struct Letter {
    row: Row,
    /// What stands for its address in opt-outs and links.
    hash: Option<AddressHash>,
    rendered: Result<Rendered, Reason>,
    unsubscribe_url: Option<String>,
}

impl Letter {
    /// Slots that it takes; none if it is not sent.
    pub(super) fn units(&self, channel: Channel) -> u64 {
        self.rendered.as_ref().map_or(0, |rendered| pacing::units(channel, rendered))
    }
}

/// Gate 2, as it was read.
struct Gate {
    opt_outs: OptOutsSince,
    read_at: Timestamp,
}

/// A letter and what became of it so far.
struct InHandNow {
    letter: Letter,
    called: Option<Called>,
}

/// Marks the group, calls, and records what came of it. `beyond` is what is left of the parcel behind the group.
pub(super) async fn send<C: Connect>(
    deps: &Dispatch<C>,
    work: &mut Work<'_>,
    line: &mut Line<C::Sender>,
    letters: Vec<Letter>,
    beyond: Load,
) -> Result<Sent, Error> {
    let Some(last) = letters.last() else { return Ok(Sent::Done(Vec::new())) };
    let (org, send) = (work.action.org_id.clone(), work.action.id.ulid());
    let before = Mark { slot: work.parcel.mark, left: work.parcel.left };
    let mark = Mark { slot: last.row.id.slot + 1, left: beyond };
    let now = deps.clock.now();
    let marked = deps.store.move_mark(&org, send, work.parcel, &work.holder, mark, now);
    let all = join3(marked, read_gate(deps, work), line.look_ahead(deps, &org));
    let (marked, gate, looked) = Box::pin(all).await;
    match marked {
        Ok(Held::Yes) => {}
        Ok(Held::Lost) => return Ok(Sent::Lost),
        Err(error) => return given_up(deps, work, before, error.into()).await,
    }
    (work.parcel.mark, work.parcel.left) = (mark.slot, mark.left);
    work.parcel.marked_at = Some(now);
    if let Some(claim) = &mut work.parcel.claim {
        claim.until = now + store::parcel::CLAIM;
    }
    let mut gate = match (gate, looked) {
        (Ok(gate), Ok(seen)) => {
            line.take_in(seen);
            gate
        }
        (Err(error), _) | (_, Err(error)) => return given_up(deps, work, before, error).await,
    };

    let mut group: Vec<InHandNow> =
        letters.into_iter().map(|letter| InHandNow { letter, called: None }).collect();
    for round in 0..ROUNDS {
        if round > 0 && !work.has_time_for_a_group(deps.clock.now(), line.sender.timeout()) {
            break;
        }
        match call_in_turn(deps, work, line, &mut gate, &mut group).await {
            Ok(None) => {}
            // Nobody was called yet: without its mark the group is not unknown but simply not sent.
            Ok(Some(instead)) if round == 0 => {
                put_back(deps, work, before).await?;
                return Ok(instead);
            }
            Err(error) if round == 0 => return given_up(deps, work, before, error).await,
            // What was answered has to be recorded before anything else.
            Ok(Some(_)) | Err(_) => break,
        }
        if group.iter().all(|one| one.called.is_some()) {
            line.was_in_time();
            break;
        }
        line.was_late();
    }
    finish(deps, work, line, group, gate.read_at).await.map(Sent::Done)
}

async fn read_gate<C: Connect>(deps: &Dispatch<C>, work: &Work<'_>) -> Result<Gate, Error> {
    let read_at = deps.clock.now();
    let since = work.parcel.gate1_at - GATE_MARGIN;
    Ok(Gate { opt_outs: deps.store.opt_outs_since(&work.action.org_id, since).await?, read_at })
}

/// One try of those of the group that were not called yet, each in its slot; or why nobody was called.
async fn call_in_turn<C: Connect>(
    deps: &Dispatch<C>,
    work: &Work<'_>,
    line: &mut Line<C::Sender>,
    gate: &mut Gate,
    group: &mut [InHandNow],
) -> Result<Option<Sent>, Error> {
    let org = &work.action.org_id;
    let mut waiting: Vec<&mut InHandNow> = group.iter_mut().filter(|one| one.called.is_none()).collect();
    let units: u64 = waiting.iter().map(|one| one.letter.units(C::CHANNEL)).sum();
    let messages = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
    let slots = match slots::take(deps, org, line, units, messages).await? {
        Turn::Ours(slots) => slots,
        Turn::NotBefore(at) => return Ok(Some(Sent::NotBefore(at))),
        Turn::TooMany => return Ok(Some(Sent::TooMany)),
        Turn::Resting => return Ok(Some(Sent::Resting)),
    };
    if slots.begin(units.saturating_sub(1)).since(gate.read_at) + NEAR > GATE_HOLDS {
        let near = slots.begin(0) - NEAR;
        deps.timer.sleep(near.since(deps.clock.now())).await;
        *gate = read_gate(deps, work).await?;
    }
    let (line, gate) = (&*line, &*gate);
    let mut unit = 0;
    let calls = waiting.iter().map(|one| {
        let begin = slots.begin(unit);
        unit += one.letter.units(C::CHANNEL);
        call(deps, line, org, &one.letter, gate, begin)
    });
    let called = join_all(calls).await;
    let unused = called.iter().filter(|called| !matches!(called, Some(Called::Answered { .. }))).count();
    for (one, called) in waiting.iter_mut().zip(called) {
        one.called = called;
    }
    if unused > 0 && line.terms.per_day.is_some() {
        let unused = u32::try_from(unused).unwrap_or(u32::MAX);
        let uncounted = deps.store.uncount_messages(org, C::CHANNEL, slots.quarter(units), unused);
        if let Err(error) = uncounted.await {
            // They stay counted, which is safe. What was called has to be recorded.
            tracing::warn!(error = %telemetry::chain(&error), "messages that were not sent stay counted for the day");
        }
    }
    Ok(None)
}

/// Records what became of a group, and learns from it.
async fn finish<C: Connect>(
    deps: &Dispatch<C>,
    work: &Work<'_>,
    line: &mut Line<C::Sender>,
    group: Vec<InHandNow>,
    gate2_at: Timestamp,
) -> Result<Vec<Row>, Error> {
    let at = deps.clock.now();
    let mut held_up: HashMap<AddressHash, u32> = HashMap::new();
    let mut changes: Vec<(MessageId, Change)> = Vec::new();
    for one in &group {
        let mut to_this_recipient = 1;
        if let (Some(called), Some(hash)) = (&one.called, &one.letter.hash)
            && called.is_held_up_by_its_recipient()
        {
            let count = held_up.entry(hash.clone()).or_default();
            *count += 1;
            to_this_recipient = *count;
        }
        let hand = |tried_at, until| InHand {
            claimed_at: work.claimed_at,
            gate2_at,
            at: tried_at,
            until,
            to_this_recipient,
        };
        let row = &one.letter.row;
        let change =
            one.called.as_ref().map_or_else(|| put_off(row, hand(at, at)), |called| called.change(row, hand));
        changes.push((row.id, change));
    }
    // Before anything else that may fail: an outcome that is not recorded is unknown for ever.
    record(deps, work, &changes).await?;
    let mut done = Vec::new();
    for (one, (_, change)) in group.into_iter().zip(&changes) {
        let mut row = one.letter.row;
        if let Some(Called::Answered { outcome, .. }) = &one.called {
            line.learn(deps, &work.action.org_id, outcome, &row, at).await?;
        }
        apply(&mut row, change);
        done.push(row);
    }
    Ok(done)
}

/// Takes the mark back before the first call: without its mark the group is not unknown but simply not sent.
async fn put_back<C: Connect>(deps: &Dispatch<C>, work: &mut Work<'_>, mark: Mark) -> Result<(), Error> {
    let (org, send, now) = (&work.action.org_id, work.action.id.ulid(), deps.clock.now());
    deps.store.move_mark(org, send, work.parcel, &work.holder, mark, now).await?;
    (work.parcel.mark, work.parcel.left) = (mark.slot, mark.left);
    Ok(())
}

/// A fault before the first call.
async fn given_up<C: Connect>(
    deps: &Dispatch<C>,
    work: &mut Work<'_>,
    before: Mark,
    fault: Error,
) -> Result<Sent, Error> {
    // If that fails too, the fault that came first says more.
    if let Err(error) = put_back(deps, work, before).await {
        tracing::warn!(bulk_action_id = %work.action.id, error = %telemetry::chain(&error), "a mark was not taken back");
    }
    Err(fault)
}

/// What became of one row.
enum Called {
    /// The provider was called.
    Answered { outcome: Outcome, tried_at: Timestamp, answered_at: Timestamp },
    /// It was not and will not be.
    Ended { reason: Reason, at: Timestamp },
}

impl Called {
    fn change(&self, row: &Row, hand: impl Fn(Timestamp, Timestamp) -> InHand) -> Change {
        match self {
            Self::Answered { outcome, tried_at, answered_at } => {
                change_of(outcome, row, hand(*tried_at, *answered_at))
            }
            Self::Ended { reason, at } => end(row, hand(*at, *at), *reason),
        }
    }

    fn is_held_up_by_its_recipient(&self) -> bool {
        let limited = Some(Limited::Recipient);
        matches!(self, Self::Answered { outcome: Outcome::Retry { limited: by, .. }, .. } if *by == limited)
    }
}

/// Calls the provider for one letter in the slot that begins at `begin`; `None` if it was too late for that.
async fn call<C: Connect>(
    deps: &Dispatch<C>,
    line: &Line<C::Sender>,
    org: &OrgId,
    letter: &Letter,
    gate: &Gate,
    begin: Timestamp,
) -> Option<Called> {
    let ended = |reason| Some(Called::Ended { reason, at: deps.clock.now() });
    let opted_out = |hash| gate.opt_outs.has_opted_out(C::CHANNEL, letter.row.member_id.as_ref(), hash);
    if letter.hash.as_ref().is_some_and(opted_out) {
        return ended(Reason::Skipped(SkipCode::OptedOut));
    }
    // A row that never had an address was never queued.
    let Some(to) = &letter.row.address else {
        let erased = letter.row.erased;
        return ended(Reason::Failed(if erased {
            FailureCode::MemberNotFound
        } else {
            FailureCode::InternalError
        }));
    };
    let content = match &letter.rendered {
        Ok(content) => content,
        Err(reason) => return ended(*reason),
    };
    let in_time = slots::is_in_time(deps, begin).await;
    let tried_at = deps.clock.now();
    if !in_time || tried_at.since(gate.read_at) > GATE_HOLDS {
        return None;
    }
    let outgoing = Outgoing {
        message_id: letter.row.id,
        org_id: org,
        to,
        content,
        unsubscribe_url: letter.unsubscribe_url.as_deref(),
    };
    let outcome = line.sender.send(&outgoing).await;
    Some(Called::Answered { outcome, tried_at, answered_at: deps.clock.now() })
}

/// Writes the message for its recipient. It was written once at gate 1, so a failure here is one of ours.
pub(super) fn letter<C: Connect>(deps: &Dispatch<C>, work: &Work<'_>, row: Row) -> Letter {
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
