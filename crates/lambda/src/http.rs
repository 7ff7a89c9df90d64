//! API Gateway's payload format 2.0, in and out.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::permission::Caller;
use futures_util::FutureExt;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use wire::api::http::{Reply, Request};
use wire::api::problem::Problem;

/// What is read of a request's event: to build and drop the whole of it, as `aws_lambda_events` has it, is more than we do with a webhook ourselves
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html>, payload format 2.0).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpEvent {
    route_key: String,
    raw_query_string: String,
    headers: Option<BTreeMap<String, String>>,
    path_parameters: Option<BTreeMap<String, String>>,
    request_context: RequestContext,
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RequestContext {
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Deserialize)]
struct Authorizer {
    jwt: Option<Jwt>,
}

#[derive(Debug, Deserialize)]
struct Jwt {
    claims: BTreeMap<String, String>,
}

/// An answer in the same format.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpAnswer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

/// Runs `handle` for every request.
///
/// # Errors
/// If the Lambda Runtime API goes away.
pub async fn run_http<F, Fut>(handle: F) -> Result<(), Error>
where
    F: Fn(Request) -> Fut,
    Fut: Future<Output = Reply>,
{
    let handle = &handle;
    let on_event = |event: LambdaEvent<HttpEvent>| async move {
        let reply = match http_request(event.payload) {
            // A panic is our fault and the caller's problem document; the hook has logged its place.
            Ok(request) => AssertUnwindSafe(handle(request))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Problem::internal().into()),
            Err(problem) => (*problem).into(),
        };
        Ok::<_, Error>(answer(reply))
    };
    lambda_runtime::run(service_fn(on_event)).await
}

/// The request in an event.
///
/// # Errors
/// What is answered when the event is not one of our gateway's: a body that is not in its encoding, a token without an organisation.
pub fn http_request(event: HttpEvent) -> Result<Request, Box<Problem>> {
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        STANDARD.decode(body).map_err(|_| Problem::bad_request("The body is not what its encoding says"))?
    } else {
        body.into_bytes()
    };
    let headers = event.headers.unwrap_or_default();
    let claims = event.request_context.authorizer.and_then(|authorizer| authorizer.jwt).map(|jwt| jwt.claims);
    let caller = match claims {
        None => None,
        Some(claims) => Some(caller(|name| claims.get(name).map(String::as_str))?),
    };
    Ok(Request {
        route: event.route_key,
        path: event.path_parameters.unwrap_or_default(),
        raw_query: event.raw_query_string,
        headers: headers.into_iter().map(in_lower_case).collect(),
        body,
        caller,
    })
}

fn in_lower_case((mut name, value): (String, String)) -> (String, String) {
    name.make_ascii_lowercase();
    (name, value)
}

/// A verified token without an organisation is of no use here.
fn caller<'a>(claim: impl Fn(&str) -> Option<&'a str>) -> Result<Caller, Box<Problem>> {
    let unfit = |name: &str| {
        let detail = format!("The token's claim {name} is missing or not well formed");
        Box::new(Problem::new(403, "unfit-token", "Unfit token", detail))
    };
    Ok(Caller {
        sub: claim("sub").filter(|sub| is_subject(sub)).ok_or_else(|| unfit("sub"))?.to_owned(),
        org_id: claim("org_id").and_then(|text| text.parse().ok()).ok_or_else(|| unfit("org_id"))?,
        permissions: Caller::parse_permissions(claim("permissions").unwrap_or_default()),
    })
}

/// At most 255 ASCII characters (`OpenID` Connect Core, 2), none of which controls how others are shown: it is shown as who sent a message.
fn is_subject(sub: &str) -> bool {
    (1..=255).contains(&sub.len()) && sub.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn answer(reply: Reply) -> HttpAnswer {
    HttpAnswer {
        status_code: reply.status,
        headers: reply.headers.into_iter().collect(),
        body: reply.body,
        is_base64_encoded: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(extra: &serde_json::Value) -> HttpEvent {
        let mut event = serde_json::json!({
            "version": "2.0", "routeKey": "POST /members/{id}", "rawPath": "/members/m1", "rawQueryString": "a=b%20c",
            "headers": { "content-type": "application/json" }, "pathParameters": { "id": "m1" },
            "requestContext": {
                "http": { "method": "POST", "path": "/members/m1" },
                "authorizer": { "jwt": { "claims": { "sub": "u", "org_id": "demo", "permissions": "[a b]" } } },
            },
        });
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_request_keeps_its_raw_bytes_and_its_callers_claims() {
        let body = STANDARD.encode([0xff, b'a']);
        let request =
            http_request(event(&serde_json::json!({ "body": body, "isBase64Encoded": true }))).unwrap();
        assert_eq!(request.route, "POST /members/{id}");
        assert_eq!(request.param("id"), "m1");
        assert_eq!(request.raw_query, "a=b%20c");
        assert_eq!(request.body, [0xff, b'a']);
        assert_eq!(request.caller.unwrap().permissions, ["a", "b"]);
    }

    #[test]
    fn a_header_that_is_not_ascii_is_not_lost() {
        let headers = serde_json::json!({ "idempotency-key": "Sonntag-fr\u{fc}h" });
        let request = http_request(event(&serde_json::json!({ "headers": headers }))).unwrap();
        assert_eq!(request.header("idempotency-key"), Some("Sonntag-fr\u{fc}h"));
    }

    #[test]
    fn a_token_without_a_well_formed_organisation_is_refused() {
        let claims = BTreeMap::from([("sub", "u"), ("org_id", "a#b")]);
        let problem = caller(|name| claims.get(name).copied()).unwrap_err();
        assert_eq!(problem.status, 403);
        assert!(problem.detail.contains("org_id"));
    }

    #[test]
    fn an_answer_has_its_status_headers_and_body() {
        let answer = serde_json::to_value(answer(Problem::not_found("member").into())).unwrap();
        assert_eq!(answer["statusCode"], 404);
        assert_eq!(answer["headers"]["content-type"], "application/problem+json");
        assert_eq!(answer["isBase64Encoded"], false);
        assert!(answer["body"].as_str().unwrap().contains("member"));
    }
}
