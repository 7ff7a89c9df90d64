//! What SES's errors mean. Except for throttling and two texts, the code decides
//! (<https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html>,
//! <https://docs.aws.amazon.com/ses/latest/APIReference/CommonErrors.html>).

use std::error::Error;
use std::time::Duration;

use aws_sdk_ses::error::SdkError;
use aws_sdk_ses::operation::send_raw_email::SendRawEmailError;
use domain::FailureCode;

use crate::http::not_reached;
use crate::{Limited, Outcome, Problem, SenderProblem};

/// The daily quota is a rolling 24 hours, so that a part of it comes back all the time.
const DAILY_QUOTA_PAUSE: Duration = Duration::from_hours(1);

/// What a code is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Too many mails in a second or in a day: the text says which.
    Throttle,
    /// The mail is refused: for its content, or because an identity is not verified.
    Message,
    /// A parameter, which for us means the recipient's address.
    Parameter,
    /// The sender.
    Sender(SenderProblem),
    /// A fault of Amazon's; the mail may have been taken.
    Server,
}

/// The codes that we know, without the suffix `Exception` that some of them have in some places.
const CODES: &[(&str, Class)] = &[
    ("Throttling", Class::Throttle),
    ("TooManyRequests", Class::Throttle),
    ("LimitExceeded", Class::Throttle),
    ("MessageRejected", Class::Message),
    ("InvalidParameterValue", Class::Parameter),
    ("MailFromDomainNotVerified", Class::Sender(SenderProblem::Configuration)),
    ("ConfigurationSetDoesNotExist", Class::Sender(SenderProblem::Configuration)),
    ("ConfigurationSetSendingPaused", Class::Sender(SenderProblem::Suspended)),
    ("AccountSendingPaused", Class::Sender(SenderProblem::Suspended)),
    ("AccessDenied", Class::Sender(SenderProblem::Credentials)),
    ("ExpiredToken", Class::Sender(SenderProblem::Credentials)),
    ("IncompleteSignature", Class::Sender(SenderProblem::Credentials)),
    ("InvalidAccessKeyId", Class::Sender(SenderProblem::Credentials)),
    ("InvalidClientTokenId", Class::Sender(SenderProblem::Credentials)),
    ("InvalidSignature", Class::Sender(SenderProblem::Credentials)),
    ("MissingAuthenticationToken", Class::Sender(SenderProblem::Credentials)),
    ("NotAuthorized", Class::Sender(SenderProblem::Credentials)),
    ("OptInRequired", Class::Sender(SenderProblem::Credentials)),
    ("RequestExpired", Class::Sender(SenderProblem::Credentials)),
    ("SignatureDoesNotMatch", Class::Sender(SenderProblem::Credentials)),
    ("UnrecognizedClient", Class::Sender(SenderProblem::Credentials)),
    ("InternalFailure", Class::Server),
    ("InternalServerError", Class::Server),
    ("ServiceUnavailable", Class::Server),
];

fn class_of(code: &str) -> Option<Class> {
    let code = code.strip_suffix("Exception").unwrap_or(code);
    CODES.iter().find(|(known, _)| *known == code).map(|(_, class)| *class)
}

/// What a failed call means for the mail. `transmitted` is whether the request had begun to leave; nothing was sent before that.
pub(super) fn failure(error: &SdkError<SendRawEmailError>, transmitted: bool) -> Outcome {
    match error {
        SdkError::ServiceError(context) => {
            let meta = context.err().meta();
            refusal(context.raw().status().as_u16(), meta.code(), meta.message())
        }
        _ if !transmitted => {
            let problem = Problem::ours("The request could not be signed, so it was not sent");
            Outcome::Retry { after: None, limited: None, problem }
        }
        _ if never_connected(error) => not_reached(),
        SdkError::TimeoutError(_) => unknown("The provider did not answer in time"),
        SdkError::ResponseError(_) => unknown("The provider's answer could not be read"),
        _ => unknown("The connection broke before the provider answered"),
    }
}

fn unknown(text: &'static str) -> Outcome {
    Outcome::Unknown { problem: Problem::ours(text) }
}

/// Whether no connection came about, so that no byte of the request has left.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(|error| {
        error
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect)
    })
}

/// What an answer with an error means.
fn refusal(status: u16, code: Option<&str>, message: Option<&str>) -> Outcome {
    let text = message.map_or_else(|| format!("HTTP status {status}"), str::to_owned);
    let problem = Problem::new(code.map(str::to_owned), &text).answered(status);
    let text = text.to_ascii_lowercase();
    match code.and_then(class_of) {
        Some(Class::Throttle) if text.contains("daily") => {
            Outcome::Retry { after: Some(DAILY_QUOTA_PAUSE), limited: Some(Limited::Sender), problem }
        }
        Some(Class::Throttle) => Outcome::Retry { after: None, limited: Some(Limited::Sender), problem },
        Some(Class::Server) => Outcome::Unknown { problem },
        Some(Class::Sender(reason)) => Outcome::SenderRefused { reason, problem },
        Some(Class::Message) => rejected(&text, problem),
        Some(Class::Parameter) => Outcome::Refused { code: FailureCode::InvalidEmail, problem },
        None => match status {
            429 => Outcome::Retry { after: None, limited: Some(Limited::Sender), problem },
            401 | 403 => Outcome::SenderRefused { reason: SenderProblem::Credentials, problem },
            400..=499 if status != 408 => Outcome::Refused { code: FailureCode::ProviderRejected, problem },
            _ => Outcome::Unknown { problem },
        },
    }
}

/// `MessageRejected` is said about the mail, but also about an identity or an account for which every mail is refused.
fn rejected(text: &str, problem: Problem) -> Outcome {
    if text.contains("not verified") {
        Outcome::SenderRefused { reason: SenderProblem::Configuration, problem }
    } else if text.contains("sending paused") || text.contains("sending suspended") {
        Outcome::SenderRefused { reason: SenderProblem::Suspended, problem }
    } else {
        Outcome::Refused { code: FailureCode::ProviderRejected, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_with_and_without_its_suffix() {
        assert_eq!(class_of("AccountSendingPausedException"), class_of("AccountSendingPaused"));
        assert_eq!(class_of("Throttling"), Some(Class::Throttle));
        assert_eq!(class_of("SomethingNew"), None);
    }

    #[test]
    fn a_rejected_mail_concerns_the_sender_only_when_the_sender_is_at_fault() {
        let reject = |text| refusal(400, Some("MessageRejected"), Some(text));
        assert!(matches!(
            reject("Illegal content"),
            Outcome::Refused { code: FailureCode::ProviderRejected, .. }
        ));
        let sender = |outcome| match outcome {
            Outcome::SenderRefused { reason, .. } => Some(reason),
            _ => None,
        };
        assert_eq!(sender(reject("Email address is not verified.")), Some(SenderProblem::Configuration));
        assert_eq!(sender(reject("Sending paused for this account.")), Some(SenderProblem::Suspended));
    }

    #[test]
    fn an_unknown_code_is_judged_by_its_status() {
        assert!(matches!(refusal(503, Some("New"), None), Outcome::Unknown { .. }));
        assert!(matches!(refusal(400, Some("New"), None), Outcome::Refused { .. }));
        assert!(matches!(refusal(429, None, None), Outcome::Retry { limited: Some(Limited::Sender), .. }));
        assert!(matches!(refusal(403, None, None), Outcome::SenderRefused { .. }));
    }
}
