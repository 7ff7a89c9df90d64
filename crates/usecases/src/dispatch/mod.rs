//! What `dispatch-whatsapp`, `dispatch-sms` and `dispatch-email` have in common: a parcel is claimed, its mark moved, its rows handed to
//! the provider in groups of at most 20, and what became of each recorded. See `infra/decisions/0001`.

mod group;
mod outcome;
mod renew;
mod sender;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use channels::Sender;
use domain::content::{Content, Prepared};
use domain::pace::{Ahead, Load, Terms};
use domain::variables::VariableError;
use domain::{BulkActionStatus, Clock, FailureCode, Ids, MessageStatus, Reason, Timer, Timestamp, Unknown};
use queue::Queue;
use store::Store;
use store::action::Action;
use store::parcel::{Again, Claimed, Held, Parcel, Release};
use store::row::{Call, Calls, Change, Row, Verdict};
use wire::queue::DispatchJob;

use crate::secrets::SecretSource;
use crate::{Error, Notes, jobs, pacing};

pub use sender::{Connect, Email, Sms, WhatsApp};

/// Calls that one move of the mark covers: the most that a crash can make unknown.
pub const GROUP: usize = 20;
/// What recording a group's outcomes may take, kept free at the end of a claim and of a function's time.
const RECORDING: Duration = Duration::from_secs(5);
/// What a group may wait for its slots.
const SLOTS: Duration = Duration::from_secs(10);
/// Claims that may die without the mark having moved before a parcel is given up.
const MAX_DEATHS: u32 = 5;
/// How long a sender that was refused as a whole is left alone before one message tries it again.
pub(crate) const PROBE_AFTER: Duration = Duration::from_mins(1);

/// What a dispatcher needs.
pub struct Dispatch<C> {
    /// The database.
    pub store: Store,
    /// The channel's own queue, for what is left over.
    pub queue: Queue<DispatchJob>,
    /// Credentials.
    pub secrets: Arc<dyn SecretSource>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Waiting for a slot.
    pub timer: Arc<dyn Timer>,
    /// Claim holders.
    pub ids: Arc<dyn Ids>,
    /// Promises of changes.
    pub notes: Notes,
    /// The way to the provider.
    pub connect: C,
}

/// A claimed parcel being worked on.
struct Work<'a> {
    action: &'a Action,
    content: &'a Content,
    /// What its messages say. That it does not parse, its acceptance should have found.
    message: Result<Prepared, VariableError>,
    parcel: &'a mut Parcel,
    holder: String,
    /// When it was claimed.
    claimed_at: Timestamp,
    /// When the function must be done.
    deadline: Timestamp,
    /// Whether it is a reply or a single message.
    ahead: Ahead,
    /// The sender's terms, as far as they are known, and slots per message so far.
    terms: Option<Terms>,
    written: Load,
    /// Whether a group was handed over under this claim, or nobody else has slots before it.
    has_its_turn: bool,
}

impl Work<'_> {
    /// Whether the wait for slots, a call's time-out and the record of a group fit into the claim and into the function's time.
    fn has_time_for_a_group(&self, now: Timestamp, timeout: Duration) -> bool {
        let until = now + SLOTS + timeout + RECORDING;
        until <= self.deadline && self.parcel.claim.as_ref().is_some_and(|claim| until <= claim.until)
    }
}

/// Why the loop over the groups ended.
enum Stop {
    /// No row of this pass is left.
    Through,
    /// Time ran out with rows left.
    OutOfTime,
    /// The claim was lost.
    Lost,
    /// The sender was refused as a whole: nothing of it can be sent for now.
    SenderRefused,
    /// The sender has no slots before.
    NotBefore(Timestamp),
}

/// Does one job until it is done or `deadline` nears.
///
/// # Errors
/// If a service gives no answer. The claim is then left to expire, so that whoever takes it over treats what may have been called as unknown.
pub async fn dispatch<C: Connect>(
    deps: &Dispatch<C>,
    job: DispatchJob,
    deadline: Timestamp,
) -> Result<(), Error> {
    let DispatchJob::V1 { org_id, bulk_action_id, chunk, channel, direct } = job;
    if channel != C::CHANNEL {
        return Err(Error::Missing("a parcel of this channel"));
    }
    let holder = format!("{:032x}", deps.ids.random());
    let now = deps.clock.now();
    let claimed =
        deps.store.claim_parcel(&org_id, bulk_action_id.ulid(), chunk, channel, &holder, now).await?;
    let (mut parcel, abandoned) = match claimed {
        Claimed::Won { parcel, abandoned } => (parcel, abandoned),
        // Reconcile drives the parcel again if that claim dies or when it is due.
        Claimed::Held { .. } | Claimed::NotDue { .. } | Claimed::Done => return Ok(()),
        Claimed::Missing => {
            tracing::warn!(bulk_action_id = %bulk_action_id, chunk, "a job names a parcel that does not exist");
            return Ok(());
        }
    };
    let action = deps.store.action(&org_id, bulk_action_id).await?.ok_or(Error::Missing("the action"))?;
    let content = deps.store.content(&org_id, bulk_action_id).await?.ok_or(Error::Missing("the content"))?;
    let content = content.message(channel).ok_or(Error::Missing("the channel's content"))?;
    let message = content.body.prepare();
    let mut work = Work {
        action: &action,
        content,
        message,
        parcel: &mut parcel,
        holder,
        claimed_at: now,
        deadline,
        ahead: if direct { Ahead::Direct } else { Ahead::Bulk },
        terms: None,
        written: Load::default(),
        has_its_turn: false,
    };

    let rows = deps.store.rows_of_chunk(&org_id, bulk_action_id.ulid(), chunk).await?;
    let mut rows: Vec<Row> = rows.into_iter().filter(|row| row.channel == channel).collect();
    if abandoned {
        settle_abandoned(deps, &work, &mut rows).await?;
    }
    if let Some(reason) = no_longer_wanted(&action, work.parcel, deps.clock.now()) {
        end_all(deps, &work, &mut rows, reason).await?;
    }
    let stop = send_all(deps, &mut work, &mut rows).await?;
    release(deps, &work, &rows, stop).await
}

/// Rows of this pass below the mark that are still `queued` after a claim that was not given back: the provider may have been called.
async fn settle_abandoned<C: Connect>(
    deps: &Dispatch<C>,
    work: &Work<'_>,
    rows: &mut [Row],
) -> Result<(), Error> {
    // The calls began when the mark was moved, which may be long before somebody takes the parcel over.
    let now = deps.clock.now();
    let tried_at = work.parcel.marked_at.unwrap_or(now);
    let stopped = Call {
        at: tried_at,
        claimed: None,
        gate2: None,
        took: now.since(tried_at),
        verdict: Verdict::Stopped,
        status: None,
        code: None,
    };
    let mut changes = Vec::new();
    for row in rows.iter_mut() {
        if waits(row, work.parcel.pass) && row.id.slot < work.parcel.mark {
            row.status = MessageStatus::Sending;
            let calls = row.calls.and(stopped.clone());
            let attempts = row.attempts + 1;
            changes.push((row.id, Change::Unknown { why: Unknown::Stopped, attempts, tried_at, calls }));
        }
    }
    if !changes.is_empty() {
        tracing::warn!(
            bulk_action_id = %work.action.id, chunk = work.parcel.chunk, messages = changes.len(),
            "a dispatcher stopped: its calls without a recorded outcome are unknown"
        );
    }
    record(deps, work, &changes).await
}

/// Why nothing of the parcel may be sent any more, if so.
fn no_longer_wanted(action: &Action, parcel: &Parcel, now: Timestamp) -> Option<FailureCode> {
    match action.status {
        BulkActionStatus::Failed | BulkActionStatus::Cancelled if action.failure_reason.is_some() => {
            Some(FailureCode::InternalError)
        }
        _ if now >= action.expires_at => Some(FailureCode::Expired),
        _ if parcel.deaths > MAX_DEATHS => Some(FailureCode::InternalError),
        _ => None,
    }
}

async fn end_all<C: Connect>(
    deps: &Dispatch<C>,
    work: &Work<'_>,
    rows: &mut [Row],
    code: FailureCode,
) -> Result<(), Error> {
    let at = deps.clock.now();
    let mut changes = Vec::new();
    for row in rows.iter_mut().filter(|row| row.status == MessageStatus::Queued) {
        row.status = MessageStatus::Failed;
        let (reason, attempts) = (Reason::Failed(code), row.attempts);
        let (detail, provider_code, calls) = (None, None, Calls::default());
        changes.push((row.id, Change::Ended { reason, detail, provider_code, attempts, at, calls }));
    }
    record(deps, work, &changes).await
}

/// Whether a row waits for its call in `pass`.
fn waits(row: &Row, pass: u32) -> bool {
    row.status == MessageStatus::Queued && row.pass == pass
}

async fn send_all<C: Connect>(
    deps: &Dispatch<C>,
    work: &mut Work<'_>,
    rows: &mut [Row],
) -> Result<Stop, Error> {
    let mut left = waiting(rows, work.parcel.pass);
    if left.is_empty() {
        return Ok(Stop::Through);
    }
    let org = &work.action.org_id;
    let mut line = match sender::open(deps, org, work.ahead).await? {
        sender::Opened::Line(line) => line,
        sender::Opened::NoCredentials => return Ok(Stop::SenderRefused),
        sender::Opened::NoAnswer => return Ok(Stop::NotBefore(deps.clock.now() + PROBE_AFTER)),
        sender::Opened::NotConfigured => {
            end_all(deps, work, rows, FailureCode::ChannelNotConfigured).await?;
            return Ok(Stop::Through);
        }
    };
    if renew::is_due(work, deps.clock.now()) && !line.resting(deps.clock.now()) {
        renew::renew(deps, work, rows).await?;
        left = waiting(rows, work.parcel.pass);
    }
    while !left.is_empty() {
        work.terms = Some(line.terms);
        if line.resting(deps.clock.now()) {
            return Ok(Stop::SenderRefused);
        }
        if !work.has_time_for_a_group(deps.clock.now(), line.sender.timeout()) {
            return Ok(Stop::OutOfTime);
        }
        let letters = next_group(deps, work, &line, rows, &left);
        let beyond = rest(work, left.len() - letters.len());
        // On the heap: what a group keeps is large, and all that waits for it would be as large.
        match Box::pin(group::send(deps, work, &mut line, letters, beyond)).await? {
            group::Sent::Lost => return Ok(Stop::Lost),
            group::Sent::Resting => return Ok(Stop::SenderRefused),
            group::Sent::NotBefore(at) => {
                work.has_its_turn |= line.is_free(deps.clock.now());
                return Ok(Stop::NotBefore(at));
            }
            group::Sent::TooMany => {}
            group::Sent::Done(changed) => {
                work.has_its_turn = true;
                for (index, row) in left.drain(..changed.len()).zip(changed) {
                    if let Some(place) = rows.get_mut(index) {
                        *place = row;
                    }
                }
            }
        }
        // How many messages go together depends on what is left of the day; all else is looked at with the group.
        if !left.is_empty() && line.terms.per_day.is_some() {
            line.look_before_group(deps, &work.action.org_id).await?;
        }
    }
    Ok(Stop::Through)
}

/// The places of the rows that wait for their calls in `pass`.
fn waiting(rows: &[Row], pass: u32) -> Vec<usize> {
    (0..rows.len()).filter(|i| rows.get(*i).is_some_and(|row| waits(row, pass))).collect()
}

/// What so many messages of the parcel come to: by those that were written, or else by what was thought of them before.
fn rest(work: &Work<'_>, messages: usize) -> Load {
    let messages = u64::try_from(messages).unwrap_or(u64::MAX);
    let like = [work.written, work.parcel.left, Load { messages: 1, units: 1 }];
    like.into_iter().find(|load| load.messages > 0 && load.units > 0).unwrap_or_default().part(messages)
}

/// The next messages that go together: as many as a group may have, and as many slots.
fn next_group<C: Connect>(
    deps: &Dispatch<C>,
    work: &mut Work<'_>,
    line: &sender::Line<C::Sender>,
    rows: &[Row],
    left: &[usize],
) -> Vec<group::Letter> {
    let size = line.group_size(deps.clock.now());
    let (mut letters, mut units) = (Vec::new(), 0);
    for row in left.iter().filter_map(|index| rows.get(*index)).take(size.messages) {
        let letter = group::letter(deps, work, row.clone());
        units += letter.units(C::CHANNEL);
        if units > size.units && !letters.is_empty() {
            break;
        }
        work.written += Load { messages: 1, units: letter.units(C::CHANNEL) };
        letters.push(letter);
    }
    letters
}

/// Records changes of the parcel's rows, after promising them to the counts.
async fn record<C: Connect>(
    deps: &Dispatch<C>,
    work: &Work<'_>,
    changes: &[(domain::MessageId, Change)],
) -> Result<(), Error> {
    let Some((first, _)) = changes.first() else { return Ok(()) };
    let org = &work.action.org_id;
    deps.notes.promise(&deps.store, deps.clock.as_ref(), org, *first).await?;
    deps.store.record(org, MessageStatus::Queued, changes).await?;
    Ok(())
}

/// Gives the parcel back, and puts what is left on the queue again.
async fn release<C: Connect>(
    deps: &Dispatch<C>,
    work: &Work<'_>,
    rows: &[Row],
    stop: Stop,
) -> Result<(), Error> {
    let now = deps.clock.now();
    let pass = work.parcel.pass;
    let left = rows.iter().filter(|row| waits(row, pass)).count();
    let refused: Vec<&Row> = rows.iter().filter(|row| waits(row, pass + 1)).collect();
    let next_pass = refused.iter().filter_map(|row| row.next_attempt_at).max();
    let rest = rest(work, left + refused.len());
    let release = match (stop, next_pass) {
        (Stop::Lost, _) => return Ok(()),
        (Stop::OutOfTime, _) => Release::Later(again(work, rest, now, now)),
        // Of all that wait for a sender that was refused, reconcile sends one to try it again.
        (Stop::SenderRefused, _) if left > 0 => {
            let again = again(work, rest, now + PROBE_AFTER, now);
            Release::Later(Again { queued: again.queued && work.ahead == Ahead::Direct, ..again })
        }
        (Stop::NotBefore(at), _) if left > 0 => {
            let at = queue_up(deps, work, rest, at.max(now)).await?;
            Release::Later(again(work, rest, at, now))
        }
        (Stop::Through | Stop::SenderRefused | Stop::NotBefore(_), Some(at)) => {
            Release::NextPass(again(work, rest, at, now))
        }
        (Stop::Through | Stop::SenderRefused | Stop::NotBefore(_), None) => Release::Done,
    };
    let (org, id) = (&work.action.org_id, work.action.id);
    let held = deps.store.release_parcel(org, id.ulid(), work.parcel, &work.holder, release).await?;
    match release {
        Release::Later(again) | Release::NextPass(again) if held == Held::Yes && again.queued => {
            let job = jobs::dispatch(work.action, work.parcel);
            Ok(deps.queue.send(&[job], jobs::delay(now, again.at)).await?)
        }
        Release::Later(_) | Release::NextPass(_) | Release::Done => Ok(()),
    }
}

/// When it is the turn of the messages that are left, not before `from`. Replies and single sends do not queue up. Nor does a parcel that got on, or
/// that met a slow sender between two slots: it is its turn, and only its own messages are in its way. Whoever else got nothing came too early,
/// and others are served.
async fn queue_up<C: Connect>(
    deps: &Dispatch<C>,
    work: &Work<'_>,
    left: Load,
    from: Timestamp,
) -> Result<Timestamp, Error> {
    let (Some(terms), Ahead::Bulk) = (work.terms, work.ahead) else { return Ok(from) };
    let now = deps.clock.now();
    if work.has_its_turn && from <= now + pacing::ON_QUEUE {
        return Ok(pacing::due(from, now));
    }
    let wanted = pacing::Work { terms, units: left.units, from };
    let start = pacing::queue_up(&deps.store, &work.action.org_id, C::CHANNEL, wanted).await?;
    Ok(pacing::due(start, from))
}

/// At `at`, or when its messages expire: then they end. What is due later than a little ahead is left to reconcile.
fn again(work: &Work<'_>, left: Load, at: Timestamp, now: Timestamp) -> Again {
    let at = at.min(work.action.expires_at).max(now);
    Again { at, queued: at <= now + pacing::ON_QUEUE, left, gate1_at: work.parcel.gate1_at }
}
