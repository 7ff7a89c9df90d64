//! From a provider's answer to what is recorded.

use std::time::Duration;

use channels::Outcome;
use domain::{FailureCode, Reason, SkipCode, Timestamp, Unknown};
use store::row::{Change, Row};

use super::PROBE_AFTER;

/// Calls after which a provider that cannot be reached is given up. One that asks for patience never is, before the message expires.
const MAX_ATTEMPTS: u32 = 5;
/// The first pause after a refusal that names none, in seconds; it doubles with each attempt.
const FIRST_PAUSE_S: u64 = 2;
const LONGEST_PAUSE_S: u64 = 300;
/// The pause after a refusal that asks for patience without saying how much.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn change_of(outcome: &Outcome, row: &Row, tried_at: Timestamp, at: Timestamp) -> Change {
    let attempts = row.attempts + 1;
    let ended = |reason, provider_code| Change::Ended { reason, detail: None, provider_code, attempts, at };
    match outcome {
        Outcome::Accepted { provider_message_id, segments } => {
            let provider_message_id = provider_message_id.clone();
            Change::Accepted { provider_message_id, segments: *segments, attempts, tried_at, at }
        }
        Outcome::Unknown { .. } => Change::Unknown { why: Unknown::NoAnswer, attempts, tried_at },
        Outcome::Refused { code, problem } => ended(Reason::Failed(*code), problem.code.clone()),
        Outcome::OptedOut { problem } => ended(Reason::Skipped(SkipCode::OptedOut), problem.code.clone()),
        Outcome::Retry { slow_down: false, problem, .. } if attempts >= MAX_ATTEMPTS => {
            ended(Reason::Failed(FailureCode::ProviderUnavailable), problem.code.clone())
        }
        Outcome::Retry { after, slow_down: false, problem } => Change::TryAgain {
            pass: row.pass + 1,
            attempts,
            tried_at,
            next_attempt_at: at + after.unwrap_or_else(|| pause(row.pass)),
            provider_code: problem.code.clone(),
        },
        // A refusal that asks for patience is not an attempt that failed.
        Outcome::Retry { after, slow_down: true, problem } => {
            uncounted(row, tried_at, at + after.unwrap_or(PATIENCE), problem.code.clone())
        }
        Outcome::SenderRefused { problem, .. } => {
            uncounted(row, tried_at, at + PROBE_AFTER, problem.code.clone())
        }
    }
}

/// A row that was not called after all: it belongs to the next pass.
pub(super) fn put_off(row: &Row, tried_at: Timestamp, at: Timestamp) -> Change {
    uncounted(row, tried_at, at + PATIENCE, None)
}

/// Another try that does not count against the limit.
fn uncounted(
    row: &Row,
    tried_at: Timestamp,
    next_attempt_at: Timestamp,
    provider_code: Option<String>,
) -> Change {
    Change::TryAgain { pass: row.pass + 1, attempts: row.attempts, tried_at, next_attempt_at, provider_code }
}

fn pause(pass: u32) -> Duration {
    let doubled = FIRST_PAUSE_S.saturating_mul(2u64.saturating_pow(pass.saturating_sub(1)));
    Duration::from_secs(doubled.min(LONGEST_PAUSE_S))
}
