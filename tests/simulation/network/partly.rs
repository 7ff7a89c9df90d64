//! Batches of which a part is carried out.

use engine::Answer;
use serde_json::{Value, json};
use testing::transport::Call;

use crate::simulation::core::Core;

/// What a batch leaves undone, as its answer tells it.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// `UnprocessedItems`, `UnprocessedKeys` or `Failed`.
    value: Value,
    /// Which statements were left out, by their places.
    places: Vec<usize>,
}

/// Where the entries of a batch stand in its request.
fn entries<'a>(call: &Call, request: &'a mut Value) -> Option<&'a mut Vec<Value>> {
    match call.operation.as_str() {
        "BatchExecuteStatement" => request["Statements"].as_array_mut(),
        "SendMessageBatch" => request["Entries"].as_array_mut(),
        "BatchWriteItem" => request["RequestItems"].as_object_mut()?.values_mut().next()?.as_array_mut(),
        "BatchGetItem" => {
            request["RequestItems"].as_object_mut()?.values_mut().next()?["Keys"].as_array_mut()
        }
        _ => None,
    }
}

/// Whether the call has more than one entry.
pub(super) fn can_be(call: &Call, request: &Value) -> bool {
    let is_batch = matches!(
        call.operation.as_str(),
        "BatchExecuteStatement" | "SendMessageBatch" | "BatchWriteItem" | "BatchGetItem"
    );
    is_batch && entries(call, &mut request.clone()).is_some_and(|entries| entries.len() > 1)
}

/// The part that is carried out, at least one entry of it, and the rest.
pub(super) fn split(core: &Core, call: &Call, request: &Value) -> (Call, Rest) {
    let (mut part, mut left) = (request.clone(), request.clone());
    let mut places = Vec::new();
    let mut undone = Vec::new();
    if let Some(entries) = entries(call, &mut part) {
        let all = std::mem::take(entries);
        for (place, entry) in all.into_iter().enumerate() {
            if place > 0 && core.dice.happens(0.4) {
                places.push(place);
                undone.push(entry);
            } else {
                entries.push(entry);
            }
        }
    }
    let failed = undone
        .iter()
        .map(|entry| json!({ "Id": entry["Id"], "Code": "InternalError", "SenderFault": false }));
    let value = if call.operation == "SendMessageBatch" {
        failed.collect()
    } else {
        if let Some(entries) = entries(call, &mut left) {
            *entries = undone;
        }
        left["RequestItems"].take()
    };
    (Call { body: part.to_string(), ..call.clone() }, Rest { value, places })
}

/// The answer to the whole batch.
pub(super) fn join(call: &Call, answer: Answer, rest: &Rest) -> Answer {
    if !answer.is_success() || rest.places.is_empty() {
        return answer;
    }
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match call.operation.as_str() {
        "BatchWriteItem" => body["UnprocessedItems"] = rest.value.clone(),
        "BatchGetItem" => body["UnprocessedKeys"] = rest.value.clone(),
        "SendMessageBatch" => body["Failed"] = rest.value.clone(),
        _ => {
            if let Some(responses) = body["Responses"].as_array_mut() {
                for place in &rest.places {
                    let refused = json!({ "Error": { "Code": "ThrottlingError", "Message": "simulated" } });
                    responses.insert((*place).min(responses.len()), refused);
                }
            }
        }
    }
    Answer { body: body.to_string().into_bytes(), ..answer }
}
