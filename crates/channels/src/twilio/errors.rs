//! What Twilio's error codes mean. The classes are those of `tests/fixtures/twilio/error_classes.json`, which a test holds this table to;
//! the codes are those of <https://www.twilio.com/docs/api/errors>. Twilio may change its texts at any time, so only codes decide.

use std::time::Duration;

use domain::FailureCode;
use domain::receipt::Report;
use serde::Deserialize;

use crate::http::Answer;
use crate::{Outcome, Problem, SenderProblem};

/// Twilio does maintenance for minutes, not hours.
const MAINTENANCE_PAUSE: Duration = Duration::from_secs(60);
/// Daily caps end at a midnight that Twilio does not name; asking once an hour costs little.
const DAILY_CAP_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What a code is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    /// Too many requests or messages.
    Throttle,
    /// Twilio is closed for a moment.
    Maintenance,
    /// The sender has used up its day.
    DailyCap,
    /// A fault of Twilio's while it worked on the request.
    Server,
    /// Twilio does not know what became of the message.
    ProviderAmbiguous,
    /// A fault of Twilio's after it had accepted the message.
    ProviderInternalFailed,
    /// The recipient has opted out at Twilio.
    OptOut,
    /// The number is none, or no mobile.
    InvalidRecipient,
    /// This sender cannot reach the number.
    Unroutable,
    /// The phone could not be reached.
    TemporarilyUnreachable,
    /// A filter stopped the message.
    BlockedOrFiltered,
    /// Twilio's protection against traffic pumping stopped it.
    PumpingProtection,
    /// The recipient gets too many such messages.
    EcosystemLimit,
    /// The message itself is wrong.
    Content,
    /// The request is wrong.
    Request,
    /// Quiet hours or missing consent.
    Policy,
    /// Free text outside the reply window of a channel.
    Window,
    /// It waited in Twilio's queue for too long.
    ValidityExpired,
    /// Something about the account.
    Account,
    /// Something about the sending number or service.
    SenderConfig,
}

/// Every code that we know, in order.
const CODES: &[(u32, Class)] = &[
    (10001, Class::Account),
    (14107, Class::Throttle),
    (20003, Class::Account),
    (20404, Class::Account),
    (20429, Class::Throttle),
    (20500, Class::Server),
    (20503, Class::Server),
    (21211, Class::InvalidRecipient),
    (21212, Class::SenderConfig),
    (21217, Class::InvalidRecipient),
    (21219, Class::Account),
    (21408, Class::Account),
    (21421, Class::InvalidRecipient),
    (21602, Class::Content),
    (21603, Class::SenderConfig),
    (21604, Class::InvalidRecipient),
    (21606, Class::SenderConfig),
    (21608, Class::Account),
    (21610, Class::OptOut),
    (21611, Class::Throttle),
    (21612, Class::Unroutable),
    (21614, Class::InvalidRecipient),
    (21617, Class::Content),
    (21618, Class::Content),
    (21620, Class::Content),
    (21624, Class::Request),
    (21703, Class::SenderConfig),
    (21704, Class::SenderConfig),
    (21705, Class::SenderConfig),
    (21730, Class::Maintenance),
    (30001, Class::Throttle),
    (30002, Class::Account),
    (30003, Class::TemporarilyUnreachable),
    (30004, Class::BlockedOrFiltered),
    (30005, Class::InvalidRecipient),
    (30006, Class::InvalidRecipient),
    (30007, Class::BlockedOrFiltered),
    (30008, Class::TemporarilyUnreachable),
    (30010, Class::Account),
    (30011, Class::Content),
    (30012, Class::Request),
    (30013, Class::Request),
    (30014, Class::Request),
    (30015, Class::Request),
    (30016, Class::Request),
    (30017, Class::Throttle),
    (30018, Class::Account),
    (30019, Class::Content),
    (30020, Class::ProviderInternalFailed),
    (30021, Class::ProviderInternalFailed),
    (30022, Class::Throttle),
    (30023, Class::DailyCap),
    (30024, Class::Account),
    (30027, Class::DailyCap),
    (30029, Class::Request),
    (30030, Class::Request),
    (30032, Class::Account),
    (30033, Class::Account),
    (30034, Class::Account),
    (30035, Class::Account),
    (30036, Class::ValidityExpired),
    (30410, Class::ProviderAmbiguous),
    (30450, Class::PumpingProtection),
    (30610, Class::Policy),
    (30640, Class::Policy),
    (63001, Class::Account),
    (63003, Class::InvalidRecipient),
    (63007, Class::Account),
    (63013, Class::Content),
    (63015, Class::Account),
    (63016, Class::Window),
    (63018, Class::Throttle),
    (63020, Class::Account),
    (63021, Class::Content),
    (63024, Class::InvalidRecipient),
    (63032, Class::BlockedOrFiltered),
    (63033, Class::BlockedOrFiltered),
    (63038, Class::DailyCap),
    (63049, Class::EcosystemLimit),
    (63051, Class::Account),
    (90007, Class::Request),
    (90010, Class::Account),
];

fn class_of(code: u32) -> Option<Class> {
    CODES.binary_search_by_key(&code, |(known, _)| *known).ok().map(|at| CODES[at].1)
}

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
        Some(message) => Problem::new(error.code.map(|code| code.to_string()), &message),
        None => answer.bare_problem(),
    };
    match answer.status {
        429 => Outcome::Retry { after: answer.retry_after, slow_down: true, problem },
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
        Class::Throttle => Outcome::Retry { after: retry_after, slow_down: true, problem },
        Class::Maintenance => {
            Outcome::Retry { after: retry_after.or(Some(MAINTENANCE_PAUSE)), slow_down: false, problem }
        }
        Class::DailyCap => {
            Outcome::Retry { after: retry_after.or(Some(DAILY_CAP_PAUSE)), slow_down: true, problem }
        }
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
    use super::*;

    #[derive(Deserialize)]
    struct Fixture {
        codes: Vec<Entry>,
    }

    #[derive(Deserialize)]
    struct Entry {
        code: u32,
        class: Class,
    }

    #[test]
    fn the_table_is_the_one_that_was_agreed() {
        let text = include_str!("../../../../tests/fixtures/twilio/error_classes.json");
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        let agreed: Vec<_> = fixture.codes.iter().map(|entry| (entry.code, entry.class)).collect();
        assert_eq!(CODES, agreed);
    }

    #[test]
    fn the_table_is_in_order_so_that_every_code_is_found() {
        assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(CODES.iter().all(|(code, class)| class_of(*code) == Some(*class)));
    }

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
