//! What Meta's errors mean, in the answer to our own request and in a status.
//!
//! The code decides, not the HTTP status: Meta answers some refusals with a 5xx, and some of its own faults with a 4xx. A code can come in
//! the answer to our request, in a status webhook, or in both.

use std::time::Duration;

use domain::FailureCode;
use domain::receipt::Report;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::codes::{Class, class_of};
use crate::http::Answer;
use crate::{Limited, Outcome, Problem, SenderProblem};

/// One message in 6 seconds goes to one recipient; a burst is paid back (131056).
const PAIR_PAUSE: Duration = Duration::from_secs(6);
/// A template that was just made is there after ten minutes (134101).
const SYNC_PAUSE: Duration = Duration::from_mins(10);
/// The sub-code of 100 that says that the phone number id itself is not known to this token.
const UNKNOWN_OBJECT: u32 = 33;

/// An error as Meta writes it, in answers and in status webhooks.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct MetaError {
    pub(super) code: Option<u32>,
    error_subcode: Option<u32>,
    is_transient: Option<bool>,
    message: Option<String>,
    error_data: Option<ErrorData>,
}

#[derive(Debug, Clone, Deserialize)]
struct ErrorData {
    details: Option<String>,
}

impl MetaError {
    fn problem(&self) -> Option<Problem> {
        let details = self.error_data.as_ref().and_then(|data| data.details.as_deref());
        let text = details.or(self.message.as_deref())?;
        Some(Problem::new(self.code.map(|code| code.to_string()), text))
    }

    /// Whether it is one of the codes in the table.
    pub(super) fn is_known(&self) -> bool {
        self.code.and_then(class_of).is_some()
    }
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: MetaError,
}

/// Whether an answer holds an error: its status alone does not say.
pub(super) fn is_error(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        error: Option<IgnoredAny>,
    }
    !answer.is_success() || answer.json::<Probe>().is_some_and(|probe| probe.error.is_some())
}

/// What an answer with an error means for the message.
pub(super) fn refusal(answer: &Answer) -> Outcome {
    let error = answer.json::<ErrorAnswer>().map(|body| body.error).unwrap_or_default();
    let problem = error.problem().unwrap_or_else(|| answer.bare_problem()).answered(answer.status);
    match error.code.and_then(|code| Some((code, class_of(code)?))) {
        Some((code, Class::Throttle)) => throttled(code, answer.retry_after, problem),
        // What Meta itself calls transient may have been processed, unless it was too fast.
        _ if error.is_transient == Some(true) => Outcome::Unknown { problem },
        Some((100, _)) if error.error_subcode == Some(UNKNOWN_OBJECT) => {
            Outcome::SenderRefused { reason: SenderProblem::Configuration, problem }
        }
        Some((code, class)) => verdict(code, class, problem),
        None => unknown_refusal(answer, error.code, problem),
    }
}

/// A refusal whose code we do not know: here the status is all there is.
fn unknown_refusal(answer: &Answer, code: Option<u32>, problem: Problem) -> Outcome {
    match (answer.status, code) {
        (429, _) => Outcome::Retry { after: answer.retry_after, limited: Some(Limited::Sender), problem },
        (401, _) | (403, None) => Outcome::SenderRefused { reason: SenderProblem::Credentials, problem },
        (404, None) => Outcome::SenderRefused { reason: SenderProblem::Configuration, problem },
        (408, _) => Outcome::Unknown { problem },
        (400..=499, _) => Outcome::Refused { code: FailureCode::ProviderRejected, problem },
        _ => Outcome::Unknown { problem },
    }
}

fn throttled(code: u32, retry_after: Option<Duration>, problem: Problem) -> Outcome {
    // 131056 is about this recipient alone: the sender's other messages need not wait.
    let pair = code == 131_056;
    let limited = if pair { Limited::Recipient } else { Limited::Sender };
    Outcome::Retry { after: retry_after.or(pair.then_some(PAIR_PAUSE)), limited: Some(limited), problem }
}

/// What a known code means in the answer to our own request.
fn verdict(code: u32, class: Class, problem: Problem) -> Outcome {
    match class {
        Class::Throttle => throttled(code, None, problem),
        Class::TransientAmbiguous => Outcome::Unknown { problem },
        Class::OptOut => Outcome::OptedOut { problem },
        Class::Auth => Outcome::SenderRefused { reason: SenderProblem::Credentials, problem },
        Class::Account => Outcome::SenderRefused { reason: account_problem(code), problem },
        Class::TemplatePaused => Outcome::SenderRefused { reason: SenderProblem::TemplatePaused, problem },
        Class::TemplateRequest if code == 134_101 => {
            Outcome::Retry { after: Some(SYNC_PAUSE), limited: None, problem }
        }
        Class::TemplateRequest
        | Class::TemplateDisabled
        | Class::Request
        | Class::RecipientPolicy
        | Class::InvalidRecipient
        | Class::Window
        | Class::EcosystemLimit => Outcome::Refused { code: failure_code(class), problem },
    }
}

fn account_problem(code: u32) -> SenderProblem {
    match code {
        // Blocked for its content, locked, limited because recipients reported spam, template category misused.
        368 | 131_031 | 131_048 | 131_064 => SenderProblem::Suspended,
        _ => SenderProblem::Configuration,
    }
}

/// What an error in a status means: a failure, which is final whatever its class, since Meta had accepted the message.
pub(super) fn failure(error: Option<&MetaError>) -> Report {
    match error.and_then(|error| class_of(error.code?)) {
        Some(Class::OptOut) => Report::OptedOut,
        Some(class) => Report::Failed(failure_code(class)),
        None => Report::Failed(FailureCode::ProviderRejected),
    }
}

fn failure_code(class: Class) -> FailureCode {
    match class {
        Class::InvalidRecipient => FailureCode::InvalidPhone,
        Class::Window => FailureCode::OutsideReplyWindow,
        // Meta's filter against too much marketing: the message was blocked, and nothing was wrong with it.
        Class::EcosystemLimit => FailureCode::CarrierBlocked,
        Class::TemplateRequest | Class::TemplatePaused | Class::TemplateDisabled => {
            FailureCode::TemplateRejected
        }
        Class::TransientAmbiguous => FailureCode::ProviderUnavailable,
        Class::Auth
        | Class::Account
        | Class::Throttle
        | Class::Request
        | Class::RecipientPolicy
        | Class::OptOut => FailureCode::ProviderRejected,
    }
}

#[cfg(test)]
mod tests {
    use super::super::codes::CODES;
    use super::*;

    #[test]
    fn only_what_was_refused_before_processing_may_be_tried_again() {
        for (code, class) in CODES {
            let again = matches!(
                verdict(*code, *class, Problem::ours("")),
                Outcome::Retry { .. } | Outcome::SenderRefused { .. }
            );
            let expected = *code == 134_101
                || [Class::Throttle, Class::Auth, Class::Account, Class::TemplatePaused].contains(class);
            assert_eq!(again, expected, "{code}");
        }
    }
}
