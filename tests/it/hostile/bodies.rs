//! Bodies.

use serde_json::Value;
use testing::conformance::contract;
use wire::api::http::Request;

use super::{Inhabited, Watch, routes, values};

const MEDIA_TYPES: [&str; 4] =
    ["application/json", "text/csv", "application/x-ndjson", "application/x-www-form-urlencoded"];

#[tokio::test]
async fn whatever_comes_as_a_body_is_read_or_refused() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    let bodies = values::bodies();
    for route in routes() {
        for (what, body) in &bodies {
            for media_type in MEDIA_TYPES {
                let mut request = inhabited.request(route);
                request.headers.insert("content-type".into(), media_type.into());
                request.body.clone_from(body);
                watch.send(&format!("{what} as {media_type}"), &request).await;
            }
        }
    }
    watch.finish().await;
}

/// Stands for the value that is put in its place.
const MARK: &str = "@hostile@";
/// The same in JSON.
pub(super) const MARK_JSON: &str = "\"@hostile@\"";

/// Every way to put [`MARK`] in the place of one value of a body, or beside the others.
pub(super) fn marked(body: &Value) -> Vec<Value> {
    let mut all = vec![Value::from(MARK)];
    match body {
        Value::Object(fields) => {
            for (name, value) in fields {
                all.extend(marked(value).into_iter().map(|marked| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), marked);
                    Value::Object(fields)
                }));
            }
            let mut more = fields.clone();
            more.insert("hostile".into(), MARK.into());
            all.push(more.into());
        }
        Value::Array(items) => {
            // One item stands for the others.
            if let Some(first) = items.first() {
                all.extend(marked(first).into_iter().map(|marked| {
                    let mut items = items.clone();
                    items[0] = marked;
                    Value::Array(items)
                }));
            }
            let twice = items.iter().chain(items).cloned().collect();
            all.push(Value::Array(twice));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    all
}

#[tokio::test]
async fn whatever_stands_in_a_field_of_a_body_is_read_or_refused() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    let values = values::json();
    for route in routes() {
        let operation = contract().routes().find(|(of, _)| *of == route).map(|(_, operation)| operation);
        let examples = operation.into_iter().flat_map(|operation| &operation.examples);
        for example in examples.filter(|example| example.media_type == "application/json") {
            for (number, body) in marked(&example.body).into_iter().enumerate() {
                let body = body.to_string();
                // Half of the values in each place; every value stands in many.
                for value in values.iter().skip(number % 2).step_by(2) {
                    let body = body.replace(MARK_JSON, value).into_bytes();
                    let request = Request { body, ..inhabited.request(route) };
                    let what: String = String::from_utf8_lossy(&request.body).chars().take(300).collect();
                    watch.send(&what, &request).await;
                }
            }
        }
    }
    watch.finish().await;
}
