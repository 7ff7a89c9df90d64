//! An HTTP request as the event that a function gets of it (payload format 2.0).
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    http::{HeaderMap, header, request::Parts},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::routes::decode;
use crate::{clock, template::ACCOUNT};

/// What of an event does not come from the request itself.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// As in `GET /things/{id}`.
    pub(super) route_key: &'a str,
    /// The path's parameters, decoded.
    pub(super) path_parameters: &'a BTreeMap<String, String>,
    /// The claims that the authorizer accepted.
    pub(super) claims: Option<&'a Map<String, Json>>,
    /// Host and port of the gateway.
    pub(super) host: &'a str,
    /// The caller's address.
    pub(super) source_ip: &'a str,
}

/// As it is spelled in an event. Written as it is, without a tree of JSON in between: each webhook of a send comes by here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: &'a BTreeMap<String, String>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'static str,
    api_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Json>,
    domain_name: &'a str,
    domain_prefix: &'static str,
    http: Http<'a>,
    request_id: String,
    route_key: &'a str,
    stage: &'static str,
    time: String,
    time_epoch: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: &'a str,
    user_agent: String,
}

/// The event as JSON, or `None` when the path is not text.
pub(super) fn event(parts: &Parts, body: &Bytes, context: &Context<'_>) -> Option<Vec<u8>> {
    let path = decode(parts.uri.path())?;
    let query = parts.uri.query().unwrap_or_default();
    let (body, is_base64_encoded) = if body.is_empty() {
        (None, false)
    } else {
        let (text, encoded) = body_text(&parts.headers, body);
        (Some(text), encoded)
    };
    let event = Event {
        version: "2.0",
        route_key: context.route_key,
        raw_path: &path,
        raw_query_string: query,
        cookies: cookies(&parts.headers),
        headers: headers(&parts.headers, context),
        query_string_parameters: query_parameters(query),
        path_parameters: context.path_parameters,
        request_context: request_context(parts, &path, context),
        body,
        is_base64_encoded,
    };
    serde_json::to_vec(&event).ok()
}

fn request_context<'a>(parts: &'a Parts, path: &'a str, context: &Context<'a>) -> RequestContext<'a> {
    let now = clock::now();
    let authorizer =
        context.claims.map(|claims| json!({"jwt": {"claims": claims_as_text(claims), "scopes": null}}));
    RequestContext {
        account_id: ACCOUNT,
        api_id: "local",
        authorizer,
        domain_name: context.host,
        domain_prefix: "local",
        http: Http {
            method: parts.method.as_str(),
            path,
            protocol: "HTTP/1.1",
            source_ip: context.source_ip,
            user_agent: text(&parts.headers, "user-agent"),
        },
        request_id: clock::request_id(),
        route_key: context.route_key,
        stage: "$default",
        time: now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        time_epoch: now.timestamp_millis(),
    }
}

/// Headers that are between two machines and not for the function, and cookies, which have a field of their own.
const DROPPED: &[&str] =
    &["connection", "cookie", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

fn headers<'a>(headers: &'a HeaderMap, context: &Context<'_>) -> BTreeMap<&'a str, String> {
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    for name in headers.keys().filter(|name| !DROPPED.contains(&name.as_str())) {
        all.insert(name.as_str(), text(headers, name.as_str()));
    }
    let port = context.host.rsplit(':').next().unwrap_or_default();
    all.insert("x-forwarded-for", context.source_ip.to_owned());
    all.insert("x-forwarded-port", port.to_owned());
    all.insert("x-forwarded-proto", "http".to_owned());
    all
}

/// All values of a header, joined as API Gateway does; bytes beyond ASCII are taken as UTF-8 where they are.
fn text(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    values.join(",")
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).map(|cookie| cookie.trim().to_owned()).collect()
}

fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        all.entry(name.into_owned())
            .and_modify(|present| {
                present.push(',');
                present.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    all
}

/// API Gateway gives every claim as text; arrays look like `[a b]`. A claim of null says nothing: it must not become an organisation of that name.
fn claims_as_text(claims: &Map<String, Json>) -> BTreeMap<&str, String> {
    let given = claims.iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (name.as_str(), claim(value))).collect()
}

fn claim(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => format!("[{}]", items.iter().map(claim).collect::<Vec<_>>().join(" ")),
        Json::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", claim(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        plain => plain.to_string(),
    }
}

/// Text stays text; everything else, forms included, is in base64.
fn body_text(headers: &HeaderMap, body: &Bytes) -> (String, bool) {
    let media_type = text(headers, "content-type").to_ascii_lowercase();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
    let is_text = media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || matches!(media_type.as_str(), "application/json" | "application/javascript" | "application/xml");
    match std::str::from_utf8(body) {
        Ok(text) if is_text => (text.to_owned(), false),
        _ => (BASE64_STANDARD.encode(body), true),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn event_of(request: Request<()>, body: &str, claims: Option<&Map<String, Json>>) -> Json {
        let (parts, ()) = request.into_parts();
        let parameters = BTreeMap::from([("id".to_owned(), "a b".to_owned())]);
        let context = Context {
            route_key: "POST /things/{id}",
            path_parameters: &parameters,
            claims,
            host: "127.0.0.1:3000",
            source_ip: "127.0.0.1",
        };
        let event = event(&parts, &Bytes::from(body.to_owned()), &context).unwrap();
        serde_json::from_slice(&event).unwrap()
    }

    #[test]
    fn path_query_headers_and_cookies_are_in_the_places_of_format_2() {
        let request = Request::post("/things/a%20b?x=1&x=%C3%A4&y=")
            .header("X-Two", "1")
            .header("x-two", "2")
            .header("Cookie", "a=1; b=2")
            .header("Content-Type", "application/json")
            .body(())
            .unwrap();
        let event = event_of(request, "{\"k\":1}", None);
        assert_eq!(event["rawPath"], "/things/a b");
        assert_eq!(event["rawQueryString"], "x=1&x=%C3%A4&y=");
        assert_eq!(event["queryStringParameters"], json!({"x": "1,ä", "y": ""}));
        assert_eq!(event["pathParameters"], json!({"id": "a b"}));
        assert_eq!(event["headers"]["x-two"], "1,2");
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert!(event["headers"].get("cookie").is_none());
        assert_eq!(event["body"], "{\"k\":1}");
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(event["requestContext"]["http"]["method"], "POST");
        assert!(event["requestContext"].get("authorizer").is_none());
    }

    #[test]
    fn forms_and_bytes_are_in_base64() {
        for media_type in ["application/x-www-form-urlencoded", "application/octet-stream"] {
            let request = Request::post("/things/x").header("content-type", media_type).body(()).unwrap();
            let event = event_of(request, "Body=Hi+there", None);
            assert_eq!(event["body"], BASE64_STANDARD.encode("Body=Hi+there"), "{media_type}");
            assert_eq!(event["isBase64Encoded"], true);
        }
    }

    #[test]
    fn claims_are_text_and_arrays_are_in_brackets() {
        let claims = json!({"sub": "u", "exp": 1_700_000_000, "permissions": ["a", "b"], "admin": true});
        let event =
            event_of(Request::post("/things/x").body(()).unwrap(), "", Some(claims.as_object().unwrap()));
        let expected = json!({"sub": "u", "exp": "1700000000", "permissions": "[a b]", "admin": "true"});
        assert_eq!(event["requestContext"]["authorizer"]["jwt"]["claims"], expected);
    }

    #[test]
    fn the_event_reads_as_the_type_that_functions_use() {
        let request = Request::post("/things/x?q=1").header("content-type", "text/csv").body(()).unwrap();
        let claims = json!({"sub": "u"});
        let event = event_of(request, "a,b", claims.as_object());
        let read: aws_lambda_events::apigw::ApiGatewayV2httpRequest = serde_json::from_value(event).unwrap();
        assert_eq!(read.body.as_deref(), Some("a,b"));
        assert_eq!(read.raw_path.as_deref(), Some("/things/x"));
        assert_eq!(read.request_context.http.method.as_str(), "POST");
        assert_eq!(read.request_context.authorizer.unwrap().jwt.unwrap().claims["sub"], "u");
        assert_eq!(read.query_string_parameters.first("q"), Some("1"));
    }
}
