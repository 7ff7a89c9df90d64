//! A function's answer as the HTTP response that API Gateway makes of it, and the gateway's own answers.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value as Json, json};

/// An answer of the gateway itself: `{"message": ...}`.
pub(super) fn own(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}

/// There is no such route.
pub(super) fn unknown_route(method: &str, path: &str) -> Response {
    let problem = json!({
        "type": "about:blank", "title": "Not Found", "status": 404,
        "detail": format!("There is no {method} {path}."),
    });
    let mut response = (StatusCode::NOT_FOUND, problem.to_string()).into_response();
    let problem_type = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, problem_type);
    response
}

/// The response that a function's answer stands for; 500 where it stands for none.
pub(super) fn from_answer(answer: &[u8]) -> Response {
    translate(answer).unwrap_or_else(|reason| {
        tracing::error!("a function's answer is no HTTP response: {reason}");
        own(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    })
}

fn translate(answer: &[u8]) -> Result<Response, &'static str> {
    let answer: Json = serde_json::from_slice(answer).map_err(|_| "it is not JSON")?;
    if answer.get("statusCode").is_none() {
        // Format 2.0: an answer without `statusCode` is the body itself.
        return Ok(axum::Json(answer).into_response());
    }
    let status = answer["statusCode"].as_u64().and_then(|code| u16::try_from(code).ok());
    let status = status.and_then(|code| StatusCode::from_u16(code).ok()).ok_or("statusCode is no status")?;
    let body = body(&answer)?;
    let has_body = !body.is_empty();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    set_headers(&mut response, &answer)?;
    if has_body && !response.headers().contains_key(header::CONTENT_TYPE) {
        let plain = HeaderValue::from_static("text/plain;charset=UTF-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
    }
    Ok(response)
}

fn body(answer: &Json) -> Result<Vec<u8>, &'static str> {
    let text = match &answer["body"] {
        Json::Null => return Ok(Vec::new()),
        Json::String(text) => text,
        _ => return Err("body is not text"),
    };
    if answer["isBase64Encoded"] == true {
        return BASE64_STANDARD.decode(text).map_err(|_| "body is not base64");
    }
    Ok(text.clone().into_bytes())
}

fn set_headers(response: &mut Response, answer: &Json) -> Result<(), &'static str> {
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let value = match value {
            Json::String(text) => text.clone(),
            Json::Number(_) | Json::Bool(_) => value.to_string(),
            _ => return Err("a header is not text"),
        };
        let name: HeaderName = name.parse().map_err(|_| "a header's name is not allowed")?;
        // The length and the connection are the server's own business.
        if name == header::CONTENT_LENGTH || name == header::TRANSFER_ENCODING || name == header::CONNECTION {
            continue;
        }
        let value =
            HeaderValue::from_bytes(value.as_bytes()).map_err(|_| "a header's value is not allowed")?;
        response.headers_mut().insert(name, value);
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        let cookie = cookie.as_str().and_then(|text| HeaderValue::from_str(text).ok());
        response.headers_mut().append(header::SET_COOKIE, cookie.ok_or("a cookie is not allowed")?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(response: Response) -> (u16, String) {
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn answer(value: &Json) -> Response {
        from_answer(value.to_string().as_bytes())
    }

    #[tokio::test]
    async fn status_headers_cookies_and_body_are_taken_over() {
        let response = answer(&json!({
            "statusCode": 202, "headers": {"Location": "/x", "content-length": "999"},
            "cookies": ["a=1", "b=2"], "body": "hi",
        }));
        assert_eq!(response.headers()["location"], "/x");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(response.headers()["content-type"], "text/plain;charset=UTF-8");
        assert!(response.headers().get("content-length").is_none_or(|length| length != "999"));
        assert_eq!(read(response).await, (202, "hi".into()));
    }

    #[tokio::test]
    async fn an_answer_without_status_is_the_body_itself() {
        let response = answer(&json!({"hello": 1}));
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(read(response).await, (200, "{\"hello\":1}".into()));
    }

    #[tokio::test]
    async fn base64_is_decoded() {
        let response = answer(&json!({"statusCode": 200, "isBase64Encoded": true, "body": "aMOk"}));
        assert_eq!(read(response).await, (200, "hä".into()));
    }

    #[tokio::test]
    async fn what_is_no_response_becomes_a_500() {
        for bad in
            [json!({"statusCode": 99}), json!({"statusCode": 200, "body": {}}), json!({"statusCode": "x"})]
        {
            let (status, body) = read(answer(&bad)).await;
            assert_eq!((status, body.as_str()), (500, "{\"message\":\"Internal Server Error\"}"), "{bad}");
        }
        assert_eq!(read(from_answer(b"oops")).await.0, 500);
    }
}
