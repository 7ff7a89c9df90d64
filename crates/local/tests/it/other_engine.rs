//! The stack on an engine that is not its own: DynamoDB and SQS behind one address, as other emulators have them.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use engine::{Engine, EngineOptions};
use local::{Stack, StackOptions};

use crate::{
    stack::{log_has, options},
    support::eventually,
};

/// One address in front of both services of an embedded engine; tells them apart as AWS's JSON protocol does.
async fn one_address(engine: &Engine) -> String {
    let urls =
        (engine.dynamodb_url(), engine.sqs_url(), reqwest::Client::builder().no_proxy().build().unwrap());
    let router = Router::new().fallback(forward).with_state(urls);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

async fn forward(
    State((dynamodb, sqs, http)): State<(String, String, reqwest::Client)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let url = if target.starts_with("DynamoDB") { dynamodb } else { sqs };
    let mut request = http.post(url).body(body);
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        request = request.header(name, &headers[name]);
    }
    let response = request.send().await.unwrap();
    let status: StatusCode = response.status();
    let content_type = response.headers()["content-type"].clone();
    (status, [("content-type", content_type)], response.bytes().await.unwrap()).into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_queues_are_made_on_the_given_engine_and_none_is_embedded() {
    let folder = tempfile::tempdir().unwrap();
    let other = Engine::start(EngineOptions::default()).unwrap();
    let engine = Some(one_address(&other).await);
    let stack = Stack::start(StackOptions { engine, ..options(folder.path()) }).await.unwrap();
    assert!(!folder.path().join("data/engine").exists());
    assert!(other.sqs().queues().contains(&"jobs-local".to_owned()));
    let sqs = &stack.clients().sqs;
    let url = sqs.get_queue_url().queue_name("jobs-local").send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(&url).message_body("work").send().await.unwrap();
    eventually("the message was given to the function", || log_has(folder.path(), "batch of 1")).await;
    stack.stop().await;
    other.stop().await;
}
