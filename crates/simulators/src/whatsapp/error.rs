//! Meta's error answers. Clients are to go by `code`, never by the HTTP status alone.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::ids;

/// The body of an error, with the status it goes with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MetaError {
    status: StatusCode,
    code: u32,
    message: String,
    details: Option<String>,
    subcode: Option<u32>,
    transient: bool,
}

impl MetaError {
    fn refused(code: u32, title: &str, details: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            message: format!("(#{code}) {title}"),
            details: Some(details.into()),
            subcode: None,
            transient: false,
        }
    }

    pub(super) fn invalid(details: impl Into<String>) -> Self {
        Self::refused(100, "Invalid parameter", details)
    }

    pub(super) fn missing(name: &str) -> Self {
        let mut error = Self::refused(100, "", "");
        error.message = format!("(#100) The parameter {name} is required.");
        error.details = None;
        error
    }

    pub(super) fn parameter_missing(details: impl Into<String>) -> Self {
        Self::refused(131_008, "Required parameter is missing", details)
    }

    pub(super) fn parameter_value(details: impl Into<String>) -> Self {
        Self::refused(131_009, "Parameter value is not valid", details)
    }

    pub(super) fn parameter_format(details: impl Into<String>) -> Self {
        Self::refused(132_012, "Parameter format does not match format in the created template", details)
    }

    pub(super) fn too_long(details: impl Into<String>) -> Self {
        Self::refused(132_005, "Translated text too long", details)
    }

    pub(super) fn undeliverable() -> Self {
        Self::refused(131_026, "Message undeliverable", "Message Undeliverable.")
    }

    pub(super) fn window() -> Self {
        let details = "Message failed to send because more than 24 hours have passed since the customer last \
                       replied to this number.";
        Self::refused(131_047, "Re-engagement message", details)
    }

    pub(super) fn rate() -> Self {
        let details = "Message failed to send because there were too many messages sent from this phone number in a \
                       short period of time";
        Self::refused(130_429, "Rate limit hit", details)
    }

    /// A token that is wrong or missing.
    pub(super) fn token() -> Self {
        let message =
            "Error validating access token: Session has expired on Tuesday, 01-Sep-26 00:00:00 PDT.";
        Self {
            status: StatusCode::UNAUTHORIZED,
            code: 190,
            message: message.to_owned(),
            details: None,
            subcode: Some(463),
            transient: false,
        }
    }

    /// A number that does not exist or belongs to somebody else.
    pub(super) fn no_such_object(id: &str) -> Self {
        let message = format!(
            "Unsupported post request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
             permissions, or does not support this operation."
        );
        let mut error = Self::refused(100, "", "");
        error.message = message;
        error.details = None;
        error.subcode = Some(33);
        error
    }

    pub(super) fn unavailable() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: 2,
            message: "Service temporarily unavailable".to_owned(),
            details: None,
            subcode: None,
            transient: true,
        }
    }

    pub(super) fn body(&self) -> Value {
        let mut error = json!({
            "message": self.message,
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": ids::uuid().replace('-', "")[..23],
        });
        if let Some(details) = &self.details {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if self.transient {
            error["is_transient"] = json!(true);
        }
        json!({"error": error})
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> u32 {
        self.code
    }
}

impl IntoResponse for MetaError {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, "application/json; charset=UTF-8")], self.body().to_string())
            .into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_equal_the_samples_but_for_the_trace_id() {
        for (error, sample) in [
            (
                MetaError::rate(),
                include_str!("../../../../tests/fixtures/whatsapp/responses/doc-error-130429.http400.json"),
            ),
            (
                MetaError::window(),
                include_str!("../../../../tests/fixtures/whatsapp/responses/derived-error-131047.json"),
            ),
            (
                MetaError::token(),
                include_str!("../../../../tests/fixtures/whatsapp/responses/derived-error-190.http401.json"),
            ),
            (
                MetaError::unavailable(),
                include_str!(
                    "../../../../tests/fixtures/whatsapp/responses/derived-error-2-transient.http500.json"
                ),
            ),
        ] {
            let mut sample: Value = serde_json::from_str(sample).unwrap();
            let mut body = error.body();
            assert!(body["error"]["fbtrace_id"].take().is_string());
            sample["error"]["fbtrace_id"].take();
            assert_eq!(body, sample);
        }
    }
}
