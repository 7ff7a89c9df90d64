//! What Meta's error codes mean. The classes are those of `tests/fixtures/whatsapp/error_classes.json`, which a test holds this table to;
//! the codes are those of <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>.
//!
//! The code decides, not the HTTP status: Meta answers some refusals with a 5xx, and some of its own faults with a 4xx. A code can come in
//! the answer to our request, in a status webhook, or in both.

use std::time::Duration;

use domain::FailureCode;
use domain::receipt::Report;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::http::Answer;
use crate::{Outcome, Problem, SenderProblem};

/// One message in 6 seconds goes to one recipient; a burst is paid back (131056).
const PAIR_PAUSE: Duration = Duration::from_secs(6);
/// A template that was just made is there after ten minutes (134101).
const SYNC_PAUSE: Duration = Duration::from_secs(10 * 60);
/// The sub-code of 100 that says that the phone number id itself is not known to this token.
const UNKNOWN_OBJECT: u32 = 33;

/// What a code is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    /// The token is wrong, has expired or may not do this.
    Auth,
    /// A fault of Meta's; the message may have gone out.
    TransientAmbiguous,
    /// Too many messages or requests.
    Throttle,
    /// The number or the business account cannot send.
    Account,
    /// The request is wrong.
    Request,
    /// Meta does not carry messages from this sender to this recipient.
    RecipientPolicy,
    /// The number is not on WhatsApp.
    InvalidRecipient,
    /// Free text outside the 24 hours.
    Window,
    /// The recipient gets too many marketing messages.
    EcosystemLimit,
    /// The recipient has stopped marketing messages.
    OptOut,
    /// The template, or what was filled into it, is wrong.
    TemplateRequest,
    /// The template rests because of its quality.
    TemplatePaused,
    /// The template is gone for good because of its quality.
    TemplateDisabled,
}

/// Every code that we know, in order. 200 stands for 200 to 299.
const CODES: &[(u32, Class)] = &[
    (0, Class::Auth),
    (1, Class::TransientAmbiguous),
    (2, Class::TransientAmbiguous),
    (3, Class::Auth),
    (4, Class::Throttle),
    (10, Class::Auth),
    (33, Class::Account),
    (100, Class::Request),
    (190, Class::Auth),
    (200, Class::Auth),
    (368, Class::Account),
    (80007, Class::Throttle),
    (130_403, Class::RecipientPolicy),
    (130_429, Class::Throttle),
    (130_472, Class::RecipientPolicy),
    (130_497, Class::RecipientPolicy),
    (131_000, Class::TransientAmbiguous),
    (131_005, Class::Auth),
    (131_008, Class::Request),
    (131_009, Class::Request),
    (131_016, Class::TransientAmbiguous),
    (131_021, Class::RecipientPolicy),
    (131_026, Class::InvalidRecipient),
    (131_030, Class::RecipientPolicy),
    (131_031, Class::Account),
    (131_037, Class::Account),
    (131_042, Class::Account),
    (131_045, Class::Account),
    (131_047, Class::Window),
    (131_048, Class::Account),
    (131_049, Class::EcosystemLimit),
    (131_050, Class::OptOut),
    (131_051, Class::Request),
    (131_052, Class::Request),
    (131_053, Class::Request),
    (131_055, Class::TemplateRequest),
    (131_056, Class::Throttle),
    (131_057, Class::TransientAmbiguous),
    (131_061, Class::RecipientPolicy),
    (131_062, Class::RecipientPolicy),
    (131_063, Class::TemplateRequest),
    (131_064, Class::Account),
    (132_000, Class::TemplateRequest),
    (132_001, Class::TemplateRequest),
    (132_005, Class::TemplateRequest),
    (132_007, Class::TemplateRequest),
    (132_008, Class::TemplateRequest),
    (132_012, Class::TemplateRequest),
    (132_015, Class::TemplatePaused),
    (132_016, Class::TemplateDisabled),
    (132_018, Class::TemplateRequest),
    (132_068, Class::TemplateRequest),
    (132_069, Class::TemplateRequest),
    (133_004, Class::TransientAmbiguous),
    (133_010, Class::Account),
    (133_016, Class::Account),
    (134_100, Class::TemplateRequest),
    (134_101, Class::TemplateRequest),
    (134_102, Class::TemplateRequest),
    (135_000, Class::Request),
    (2_494_100, Class::TransientAmbiguous),
];

fn class_of(code: u32) -> Option<Class> {
    let code = if (200..300).contains(&code) { 200 } else { code };
    CODES.binary_search_by_key(&code, |(known, _)| *known).ok().map(|at| CODES[at].1)
}

/// An error as Meta writes it, in answers and in status webhooks.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct MetaError {
    pub(super) code: Option<u32>,
    error_subcode: Option<u32>,
    #[serde(default)]
    is_transient: bool,
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
        #[expect(dead_code, reason = "only its presence counts")]
        error: IgnoredAny,
    }
    !answer.is_success() || answer.json::<Probe>().is_some()
}

/// What an answer with an error means for the message.
pub(super) fn refusal(answer: &Answer) -> Outcome {
    let error = answer.json::<ErrorAnswer>().map(|body| body.error).unwrap_or_default();
    let problem = error.problem().unwrap_or_else(|| answer.bare_problem());
    match error.code.and_then(|code| Some((code, class_of(code)?))) {
        Some((code, Class::Throttle)) => throttled(code, answer.retry_after, problem),
        // What Meta itself calls transient may have been processed, unless it was too fast.
        _ if error.is_transient => Outcome::Unknown { problem },
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
        (429, _) => Outcome::Retry { after: answer.retry_after, slow_down: true, problem },
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
    Outcome::Retry { after: retry_after.or(pair.then_some(PAIR_PAUSE)), slow_down: !pair, problem }
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
            Outcome::Retry { after: Some(SYNC_PAUSE), slow_down: false, problem }
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
        let text = include_str!("../../../../tests/fixtures/whatsapp/error_classes.json");
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        let agreed: Vec<_> = fixture.codes.iter().map(|entry| (entry.code, entry.class)).collect();
        assert_eq!(CODES, agreed);
    }

    #[test]
    fn the_table_is_in_order_so_that_every_code_is_found() {
        assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(CODES.iter().all(|(code, class)| class_of(*code) == Some(*class)));
        assert_eq!((class_of(299), class_of(300)), (Some(Class::Auth), None));
    }

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
