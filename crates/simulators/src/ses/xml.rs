//! Answers of the query protocol.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::ids;

const NAMESPACE: &str = "http://ses.amazonaws.com/doc/2010-12-01/";

/// An answer with a result; `result` is XML.
pub(super) fn response(action: &str, result: &str) -> Response {
    let body = format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
        ids::uuid()
    );
    xml(StatusCode::OK, body)
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

/// Text between tags.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML 1.0 has no way to write these.
            control if control.is_control() && !"\t\r\n".contains(control) => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
        escaped
    })
}

/// An error answer of SES.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SesError {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: String,
}

impl SesError {
    pub(super) fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "Sender", code, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::refused("InvalidParameterValue", message)
    }

    pub(super) fn throttled() -> Self {
        Self::refused("Throttling", "Maximum sending rate exceeded.")
    }

    pub(super) fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            kind: "Receiver",
            code: "InternalFailure",
            message: "The request processing has failed because of an unknown error, exception or failure."
                .to_owned(),
        }
    }

    fn body(&self, request_id: &str) -> String {
        format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{}</Type><Code>{}</Code><Message>{}</Message></Error>\
             <RequestId>{request_id}</RequestId></ErrorResponse>",
            self.kind,
            self.code,
            escape(&self.message)
        )
    }

    #[cfg(test)]
    pub(super) fn code_and_message(&self) -> (&str, &str) {
        (self.code, &self.message)
    }
}

impl IntoResponse for SesError {
    fn into_response(self) -> Response {
        xml(self.status, self.body(&ids::uuid()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_equal_the_samples() {
        let id = "b25f48e8-84fd-11e6-80d9-574e0c4664cb";
        let rate = include_str!("../../../../tests/fixtures/aws/samples/error.throttling-rate.http400.xml");
        assert_eq!(SesError::throttled().body(id), rate.trim());
        let invalid =
            include_str!("../../../../tests/fixtures/aws/samples/error.invalid-parameter.http400.xml");
        assert_eq!(SesError::invalid("Missing final '@domain'").body(id), invalid.trim());
        let missing =
            include_str!("../../../../tests/fixtures/aws/samples/error.configset-missing.http400.xml");
        let error =
            SesError::refused("ConfigurationSetDoesNotExist", "Configuration set <bulk> does not exist.");
        assert_eq!(error.body(id), missing.trim());
    }
}
