//! A function that does as it is told: what the tests of the local stack run as a process.
//!
//! An event `{"do": "..."}` says what; an SQS batch is told by the bodies of its messages; an HTTP request is echoed.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    println!("probe starts");
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    if let Some(records) = event["Records"].as_array() {
        return batch(records);
    }
    if event["version"] == "2.0" {
        return Ok(http(&event));
    }
    match event["do"].as_str().unwrap_or_default() {
        "pid" => Ok(json!(std::process::id())),
        "env" => {
            let all: serde_json::Map<String, Value> = std::env::vars().map(|(k, v)| (k, json!(v))).collect();
            Ok(Value::Object(all))
        }
        "context" => Ok(json!({"arn": context.invoked_function_arn, "deadline": context.deadline})),
        "sleep" => {
            tokio::time::sleep(Duration::from_millis(event["ms"].as_u64().unwrap_or_default())).await;
            Ok(json!("slept"))
        }
        "fail" => Err("as it was told".into()),
        "panic" => panic!("as it was told"),
        "exit" => std::process::exit(7),
        "large" => Ok(json!("x".repeat(7 * 1024 * 1024))),
        _ => Ok(event),
    }
}

/// Reports the messages whose body is `fail`; ends in the middle if one is `exit`.
fn batch(records: &[Value]) -> Result<Value, Error> {
    println!("batch of {}", records.len());
    if records.iter().any(|record| record["body"] == "exit") {
        std::process::exit(7);
    }
    if records.iter().any(|record| record["body"] == "error") {
        return Err("as it was told".into());
    }
    let failed = records.iter().filter(|record| record["body"] == "fail");
    let failed: Vec<Value> = failed.map(|record| json!({"itemIdentifier": record["messageId"]})).collect();
    Ok(json!({ "batchItemFailures": failed }))
}

fn http(event: &Value) -> Value {
    match event["rawPath"].as_str() {
        Some("/fail") => json!({"statusCode": "none"}),
        Some("/plain") => json!({"hello": "you"}),
        _ => json!({"statusCode": 201, "headers": {"x-probe": "yes"}, "body": event.to_string()}),
    }
}
