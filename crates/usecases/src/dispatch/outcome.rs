//! From a provider's answer to what is recorded.

use std::time::Duration;

use channels::{Limited, Outcome, Problem};
use domain::{FailureCode, Reason, SkipCode, Timestamp, Unknown};
use store::row::{Call, Calls, Change, Row, Verdict};

use super::PROBE_AFTER;

/// Calls after which a provider that cannot be reached is given up. One that asks for patience never is, before the message expires.
const MAX_ATTEMPTS: u32 = 5;
/// The first pause after a refusal that names none, in seconds; it doubles with each attempt.
const FIRST_PAUSE_S: u64 = 2;
const LONGEST_PAUSE_S: u64 = 300;
/// The pause after a refusal that asks for patience without saying how much.
pub(super) const SLOWED_FOR: Duration = Duration::from_secs(2);

/// When a message was in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct InHand {
    /// When its parcel was claimed.
    pub(super) claimed_at: Timestamp,
    /// When gate 2 was read for it.
    pub(super) gate2_at: Timestamp,
    /// When the provider was called; if it was not, when that was decided.
    pub(super) at: Timestamp,
    /// When the answer came, or it was clear that there is none.
    pub(super) until: Timestamp,
    /// Messages of the group to the same recipient that a limit of the recipient's held up, this one and those before it: each takes its time.
    pub(super) to_this_recipient: u32,
}

impl InHand {
    /// The record of the call, beside those that the row knows.
    fn record(self, row: &Row, verdict: Verdict, problem: Option<&Problem>) -> Calls {
        row.calls.and(Call {
            at: self.at,
            claimed: Some(self.at.since(self.claimed_at)),
            gate2: Some(self.at.since(self.gate2_at)),
            took: self.until.since(self.at),
            verdict,
            status: problem.and_then(|problem| problem.status),
            code: problem.and_then(|problem| problem.code.clone()),
        })
    }
}

pub(super) fn change_of(outcome: &Outcome, row: &Row, hand: InHand) -> Change {
    let attempts = row.attempts + 1;
    let InHand { at: tried_at, until: at, .. } = hand;
    let ended = |reason, verdict, problem: &Problem| {
        let calls = hand.record(row, verdict, Some(problem));
        Change::Ended { reason, detail: None, provider_code: problem.code.clone(), attempts, at, calls }
    };
    match outcome {
        Outcome::Accepted { provider_message_id, segments } => Change::Accepted {
            provider_message_id: provider_message_id.clone(),
            segments: *segments,
            attempts,
            tried_at,
            at,
            calls: hand.record(row, Verdict::Accepted, None),
        },
        Outcome::Unknown { problem } => Change::Unknown {
            why: Unknown::NoAnswer,
            attempts,
            tried_at,
            calls: hand.record(row, Verdict::Unknown, Some(problem)),
        },
        Outcome::Refused { code, problem } => ended(Reason::Failed(*code), Verdict::Refused, problem),
        Outcome::OptedOut { problem } => {
            ended(Reason::Skipped(SkipCode::OptedOut), Verdict::OptedOutThere, problem)
        }
        Outcome::Retry { limited: None, problem, .. } if attempts >= MAX_ATTEMPTS => {
            ended(Reason::Failed(FailureCode::ProviderUnavailable), for_now(problem), problem)
        }
        Outcome::Retry { after, limited: None, problem } => Change::TryAgain {
            pass: row.pass + 1,
            attempts,
            tried_at,
            next_attempt_at: at + after.unwrap_or_else(|| pause(row.pass)),
            provider_code: problem.code.clone(),
            calls: hand.record(row, for_now(problem), Some(problem)),
        },
        // A refusal that asks for patience is not an attempt that failed.
        Outcome::Retry { after, limited: Some(Limited::Sender), problem } => {
            uncounted(row, hand, at + after.unwrap_or(SLOWED_FOR), Verdict::Later, Some(problem))
        }
        Outcome::Retry { after, limited: Some(Limited::Recipient), problem } => {
            let wait = after.unwrap_or(SLOWED_FOR).saturating_mul(hand.to_this_recipient);
            uncounted(row, hand, at + wait, Verdict::Later, Some(problem))
        }
        Outcome::SenderRefused { problem, .. } => {
            uncounted(row, hand, at + PROBE_AFTER, Verdict::SenderRefused, Some(problem))
        }
    }
}

/// A refusal for now comes with an answer, unless there was nobody to answer.
fn for_now(problem: &Problem) -> Verdict {
    if problem.status.is_some() || problem.code.is_some() { Verdict::Later } else { Verdict::NotReached }
}

/// A row that was not called after all: it belongs to the next pass.
pub(super) fn put_off(row: &Row, hand: InHand) -> Change {
    uncounted(row, hand, hand.until + SLOWED_FOR, Verdict::TooLate, None)
}

/// A row that will not be called.
pub(super) fn end(row: &Row, hand: InHand, reason: Reason) -> Change {
    let opted_out = reason == Reason::Skipped(SkipCode::OptedOut);
    let verdict = if opted_out { Verdict::OptedOut } else { Verdict::Nothing };
    let calls = hand.record(row, verdict, None);
    let (attempts, at) = (row.attempts, hand.until);
    Change::Ended { reason, detail: None, provider_code: None, attempts, at, calls }
}

/// Another try that does not count against the limit.
fn uncounted(
    row: &Row,
    hand: InHand,
    next_attempt_at: Timestamp,
    verdict: Verdict,
    problem: Option<&Problem>,
) -> Change {
    Change::TryAgain {
        pass: row.pass + 1,
        attempts: row.attempts,
        tried_at: hand.at,
        next_attempt_at,
        provider_code: problem.and_then(|problem| problem.code.clone()),
        calls: hand.record(row, verdict, problem),
    }
}

fn pause(pass: u32) -> Duration {
    let doubled = FIRST_PAUSE_S.saturating_mul(2u64.saturating_pow(pass.saturating_sub(1)));
    Duration::from_secs(doubled.min(LONGEST_PAUSE_S))
}
