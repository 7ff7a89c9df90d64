//! What a call can end in but success.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value as Json;

/// A request that was answered with anything but success.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody answered, or not to the end.
    #[error("the stack at {base_url} does not answer")]
    Unreachable {
        /// Where it should be.
        base_url: String,
        /// The request's method.
        method: Method,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// Somebody else answered.
    #[error("what answers at {base_url} is not Tidings")]
    NotJson {
        /// Where the stack should be.
        base_url: String,
    },
    /// The answer is an error; `problem` is its body.
    #[error("{method} {path} was refused: {}", readable(*status, problem))]
    Refused {
        /// The request's method.
        method: Method,
        /// The request's path.
        path: String,
        /// The answer's status.
        status: StatusCode,
        /// After how long it makes sense to try again.
        retry_after: Option<Duration>,
        /// The problem document, or the gateway's message.
        problem: Json,
    },
}

impl ApiError {
    /// Whether the answer was lost on its way, so that nobody knows what became of the request.
    pub(super) fn may_have_been_done(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::NotJson { .. } => false,
            // The gateway's own, in place of the function's answer.
            Self::Refused { status, .. } => {
                matches!(
                    *status,
                    StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
                )
            }
        }
    }

    /// Whether a request with the same key is at work, and when to ask again.
    pub(super) fn is_in_progress(&self) -> Option<Duration> {
        match self {
            Self::Refused { status: StatusCode::CONFLICT, retry_after, .. } => *retry_after,
            Self::Refused { .. } | Self::Unreachable { .. } | Self::NotJson { .. } => None,
        }
    }
}

/// A problem document for the eyes of a person: title and detail, or the title and one line for each field that does not fit.
pub(crate) fn readable(status: StatusCode, problem: &Json) -> String {
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    // With fields to name, the detail only repeats or counts them.
    let detail = if errors.is_empty() { text("detail") } else { String::new() };
    let mut out = match (text("title"), detail) {
        (title, detail) if title.is_empty() && detail.is_empty() => format!("{status} {}", text("message")),
        (title, detail) if detail.is_empty() || detail == title => format!("{} {title}", status.as_u16()),
        (title, detail) => format!("{} {title}: {detail}", status.as_u16()),
    };
    for error in errors {
        let part = |name: &str| error[name].as_str().unwrap_or_default();
        out.extend(["\n  ", part("field"), "  ", part("message"), "  (", part("code"), ")"]);
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_reads_as_text_with_a_line_for_each_field() {
        let problem = json!({
            "title": "The body does not fit", "status": 422, "detail": "1 field does not fit",
            "errors": [{"field": "messages[0].body", "code": "too_long", "message": "has more than 1600 characters"}],
        });
        let text = readable(StatusCode::UNPROCESSABLE_ENTITY, &problem);
        let expected = "422 The body does not fit\n  \
                        messages[0].body  has more than 1600 characters  (too_long)";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_gateways_own_answers_read_as_text_too() {
        let text = readable(StatusCode::UNAUTHORIZED, &json!({"message": "Unauthorized"}));
        assert_eq!(text, "401 Unauthorized Unauthorized");
    }
}
