//! Twilio's error answers. Texts may change at Twilio; clients are to go by the codes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// `{code, message, more_info, status}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TwilioError {
    status: StatusCode,
    code: u32,
    message: String,
}

impl TwilioError {
    /// A request that Twilio will not do.
    pub(super) fn refused(code: u32, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    pub(super) fn invalid_to(to: &str) -> Self {
        Self::refused(21211, format!("The 'To' number {to} is not a valid phone number."))
    }

    pub(super) fn unsubscribed() -> Self {
        Self::refused(21610, "Attempt to send to unsubscribed recipient")
    }

    pub(super) fn authenticate() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, code: 20003, message: "Authenticate".to_owned() }
    }

    pub(super) fn not_found(path: &str) -> Self {
        let message = format!("The requested resource {path} was not found");
        Self { status: StatusCode::NOT_FOUND, code: 20404, message }
    }

    pub(super) fn too_many_requests() -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, code: 20429, message: "Too Many Requests".to_owned() }
    }

    pub(super) fn internal() -> Self {
        let message = "An internal server error has occurred".to_owned();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: 20500, message }
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> u32 {
        self.code
    }
}

impl IntoResponse for TwilioError {
    fn into_response(self) -> Response {
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status.as_u16(),
        });
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let realm = HeaderValue::from_static("Basic realm=\"Twilio API\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        response
    }
}
