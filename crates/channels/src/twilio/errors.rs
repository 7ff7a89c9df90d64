//! What Twilio's errors mean, in the answer to our own request and in a report. Twilio may change its texts at any time, so only the
//! codes of [`super::codes`] decide.

use std::time::Duration;

use domain::FailureCode;
use domain::receipt::Report;
use serde::Deserialize;

use super::codes::{Class, class_of};
use crate::http::Answer;
use crate::{Limited, Outcome, Problem, SenderProblem};

/// Twilio does maintenance for minutes, not hours.
const MAINTENANCE_PAUSE: Duration = Duration::from_mins(1);
/// Daily caps end at a midnight that Twilio does not name; asking once an hour costs little.
const DAILY_CAP_PAUSE: Duration = Duration::from_hours(1);

#[derive(Deserialize, Default)]
struct ErrorBody {
    code: Option<u32>,
    message: Option<String>,
}

/// What an answer that is no success means for the message.
///
/// 429 is refused before processing whatever it says; a 5xx may have been processed whatever it says; in between the code decides.
pub(super) fn refusal(answer: &Answer) -> Outcome {
    let error: ErrorBody = answer.json().unwrap_or_default();
    let problem = match error.message {
        Some(message) => {
            Problem::new(error.code.map(|code| code.to_string()), &message).answered(answer.status)
        }
        None => answer.bare_problem(),
    };
    match answer.status {
        429 => Outcome::Retry { after: answer.retry_after, limited: Some(Limited::Sender), problem },
        // 408 is said by a server that waits for the rest of a request, and by some that stopped waiting for themselves.
        400..=499 if answer.status != 408 => {
            match error.code.and_then(|code| Some((code, class_of(code)?))) {
                Some((code, class)) => verdict(code, class, answer.retry_after, problem),
                None => unknown_refusal(answer.status, error.code, problem),
            }
        }
        _ => Outcome::Unknown { problem },
    }
}

/// A refusal whose code we do not know. Only what the status says about the caller itself concerns the whole sender.
fn unknown_refusal(status: u16, code: Option<u32>, problem: Problem) -> Outcome {
    match (status, code) {
        (401, _) | (403, None) => Outcome::SenderRefused { reason: SenderProblem::Credentials, problem },
        (404, None) => Outcome::SenderRefused { reason: SenderProblem::Configuration, problem },
        _ => Outcome::Refused { code: FailureCode::ProviderRejected, problem },
    }
}

/// What a known code means in the answer to our own request.
fn verdict(code: u32, class: Class, retry_after: Option<Duration>, problem: Problem) -> Outcome {
    match class {
        Class::Throttle => Outcome::Retry { after: retry_after, limited: Some(Limited::Sender), problem },
        Class::Maintenance => {
            Outcome::Retry { after: retry_after.or(Some(MAINTENANCE_PAUSE)), limited: None, problem }
        }
        Class::DailyCap => Outcome::Retry {
            after: retry_after.or(Some(DAILY_CAP_PAUSE)),
            limited: Some(Limited::Sender),
            problem,
        },
        Class::Server | Class::ProviderAmbiguous | Class::ProviderInternalFailed => {
            Outcome::Unknown { problem }
        }
        Class::OptOut => Outcome::OptedOut { problem },
        Class::Account | Class::SenderConfig => {
            Outcome::SenderRefused { reason: sender_problem(code), problem }
        }
        Class::InvalidRecipient
        | Class::Unroutable
        | Class::TemporarilyUnreachable
        | Class::BlockedOrFiltered
        | Class::PumpingProtection
        | Class::EcosystemLimit
        | Class::Content
        | Class::Request
        | Class::Policy
        | Class::Window
        | Class::ValidityExpired => Outcome::Refused { code: failure_code(class), problem },
    }
}

fn sender_problem(code: u32) -> SenderProblem {
    match code {
        20003 | 63001 => SenderProblem::Credentials,
        10001 | 30002 | 30033 | 63051 | 90010 => SenderProblem::Suspended,
        _ => SenderProblem::Configuration,
    }
}

/// What a code in a report means: a failure, which is final whatever its class, since Twilio had accepted the message. `otherwise`
/// is for reports without a code, or with one that we do not know.
pub(super) fn failure(code: Option<u32>, otherwise: FailureCode) -> Report {
    match code.and_then(class_of) {
        Some(Class::OptOut) => Report::OptedOut,
        Some(class) => Report::Failed(failure_code(class)),
        None => Report::Failed(otherwise),
    }
}

fn failure_code(class: Class) -> FailureCode {
    match class {
        Class::InvalidRecipient => FailureCode::InvalidPhone,
        Class::Unroutable | Class::TemporarilyUnreachable => FailureCode::Undeliverable,
        Class::BlockedOrFiltered | Class::PumpingProtection | Class::EcosystemLimit => {
            FailureCode::CarrierBlocked
        }
        Class::Window => FailureCode::OutsideReplyWindow,
        Class::ValidityExpired => FailureCode::Expired,
        Class::Maintenance | Class::Server | Class::ProviderAmbiguous | Class::ProviderInternalFailed => {
            FailureCode::ProviderUnavailable
        }
        Class::Throttle
        | Class::DailyCap
        | Class::OptOut
        | Class::Content
        | Class::Request
        | Class::Policy
        | Class::Account
        | Class::SenderConfig => FailureCode::ProviderRejected,
    }
}

#[cfg(test)]
mod tests {
    use super::super::codes::CODES;
    use super::*;

    #[test]
    fn only_what_was_refused_before_processing_may_be_tried_again() {
        let again = |class| {
            matches!(
                verdict(0, class, None, Problem::ours("")),
                Outcome::Retry { .. } | Outcome::SenderRefused { .. }
            )
        };
        let classes =
            [Class::Throttle, Class::Maintenance, Class::DailyCap, Class::Account, Class::SenderConfig];
        for (_, class) in CODES {
            assert_eq!(again(*class), classes.contains(class), "{class:?}");
        }
    }
}
