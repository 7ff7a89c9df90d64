//! Twilio's message statuses in our words.

use domain::FailureCode;
use domain::receipt::Report;

use super::errors;

/// What `status` reports; `None` for what says nothing new (it has been accepted, which we know) and for statuses that we do not know.
///
/// The order in which callbacks arrive is not guaranteed, so this looks at nothing but its arguments.
pub(super) fn report(status: &str, code: Option<u32>) -> Option<Report> {
    match status {
        "sent" => Some(Report::Sent),
        "delivered" => Some(Report::Delivered),
        "read" => Some(Report::Read),
        "undelivered" => Some(errors::failure(code, FailureCode::Undeliverable)),
        "failed" | "canceled" => Some(errors::failure(code, FailureCode::ProviderRejected)),
        // accepted, scheduled, queued, sending; partially_delivered leaves open whether it can be read; inbound statuses.
        _ => None,
    }
}
