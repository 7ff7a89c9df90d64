//! Cross-origin calls: the gateway's own origin may call it, under both of its names, and nobody else.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

/// The origins that browsers may call from.
#[derive(Debug)]
pub(super) struct Origins(Vec<String>);

const METHODS: HeaderValue = HeaderValue::from_static("GET,PUT,POST,DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization,content-type,idempotency-key");
const EXPOSED: HeaderValue = HeaderValue::from_static("location,link,retry-after,idempotent-replayed");

impl Origins {
    /// Those of a gateway on this port.
    pub(super) fn of_port(port: u16) -> Self {
        Self(vec![format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")])
    }

    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.0.iter().any(|own| own.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// The answer to a preflight request, if this is one.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if *method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        if self.allowed(headers).is_some() {
            self.decorate(headers, &mut response);
            let own = response.headers_mut();
            own.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            own.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            own.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("300"));
        }
        Some(response)
    }

    /// Adds to a response what lets an allowed origin read it.
    pub(super) fn decorate(&self, request: &HeaderMap, response: &mut Response) {
        if let Some(origin) = self.allowed(request) {
            let own = response.headers_mut();
            own.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            own.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            own.insert(header::VARY, HeaderValue::from_static("origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preflight(origin: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        Origins::of_port(3000).preflight(&Method::OPTIONS, &headers).unwrap()
    }

    #[test]
    fn the_own_origin_is_allowed_and_no_other() {
        let response = preflight("http://localhost:3000");
        assert_eq!(response.headers()["access-control-allow-origin"], "http://localhost:3000");
        for other in
            ["http://localhost:3001", "https://localhost:3000", "null", "http://127.0.0.1:3000.evil.example"]
        {
            assert!(preflight(other).headers().get("access-control-allow-origin").is_none(), "{other}");
        }
    }

    #[test]
    fn a_plain_options_request_is_no_preflight() {
        assert!(Origins::of_port(3000).preflight(&Method::OPTIONS, &HeaderMap::new()).is_none());
    }
}
