//! What a call says, for the diary: the same words for the same call, in whatever order its fields stand.

use serde_json::Value;
use testing::transport::{Call, Service};

use crate::simulation::core::text;

/// Whether the operation may change items.
pub(super) fn is_write(operation: &str) -> bool {
    matches!(
        operation,
        "PutItem"
            | "UpdateItem"
            | "DeleteItem"
            | "BatchWriteItem"
            | "TransactWriteItems"
            | "BatchExecuteStatement"
    )
}

/// Whether it is the read of gate 2.
pub(super) fn is_gate(request: &Value) -> bool {
    text(&request["ExpressionAttributeValues"][":pk"]).ends_with("#OPTOUTS")
}

/// The call in one line.
pub(super) fn describe(call: &Call, request: &Value) -> String {
    let operation = &call.operation;
    match (call.service, operation.as_str()) {
        (Service::Sqs, _) => {
            let queue = request["QueueUrl"].as_str().unwrap_or_default();
            let queue = queue.rsplit('/').next().unwrap_or_default();
            let bodies = jobs(request).map(job).collect::<Vec<_>>().join(", ");
            format!("{operation} {queue}: {bodies}")
        }
        (Service::DynamoDb, "UpdateItem") => {
            let condition = request["ConditionExpression"].as_str().unwrap_or_default();
            let update = request["UpdateExpression"].as_str().unwrap_or_default();
            let filled = filled(&format!("{update} IF {condition}"), request);
            format!("{operation} {}: {filled}", key(&request["Key"]))
        }
        (Service::DynamoDb, "Query") => {
            let index = request["IndexName"].as_str().unwrap_or("table");
            let condition = request["KeyConditionExpression"].as_str().unwrap_or_default();
            format!("{operation} {index}: {}", filled(condition, request))
        }
        (Service::DynamoDb, "BatchExecuteStatement") => {
            let statements = request["Statements"].as_array().into_iter().flatten();
            let all: Vec<String> = statements.map(statement).collect();
            format!("{operation} {}", all.join("; "))
        }
        (Service::DynamoDb, _) => format!("{operation} {}", touched(call, request).join(", ")),
    }
}

/// A statement with its parameters. The fields of an insert stand in no order, so that only its key is told.
fn statement(statement: &Value) -> String {
    let said = statement["Statement"].as_str().unwrap_or_default();
    if said.starts_with("INSERT") {
        return format!("INSERT {}", inserted(statement).unwrap_or_default());
    }
    let mut parameters = statement["Parameters"].as_array().into_iter().flatten();
    let parts: Vec<&str> = said.split('?').collect();
    let mut told = String::new();
    for (place, part) in parts.iter().enumerate() {
        told.push_str(part);
        if place + 1 < parts.len() {
            told.push_str(parameters.next().map(value).unwrap_or_default().as_str());
        }
    }
    told
}

/// An expression with its names and values in place.
fn filled(expression: &str, request: &Value) -> String {
    let mut places: Vec<(&str, String)> = Vec::new();
    for (name, attribute) in request["ExpressionAttributeNames"].as_object().into_iter().flatten() {
        places.push((name, attribute.as_str().unwrap_or_default().to_owned()));
    }
    for (name, of) in request["ExpressionAttributeValues"].as_object().into_iter().flatten() {
        places.push((name, value(of)));
    }
    // The longest first: `:from10` before `:from1`.
    places.sort_by_key(|(name, _)| (std::cmp::Reverse(name.len()), *name));
    places.into_iter().fold(expression.to_owned(), |told, (name, value)| told.replace(name, &value))
}

fn value(value: &Value) -> String {
    match text(value) {
        "" => value.to_string(),
        text => text.to_owned(),
    }
}

fn key(key: &Value) -> String {
    format!("{}/{}", text(&key["pk"]), text(&key["sk"]))
}

/// The key of an update of a row: its first parameters are what it sets, then the partition and the slot follow.
fn updated(statement: &Value) -> Option<String> {
    let sets = statement["Statement"].as_str()?.split_once(" WHERE ")?.0.matches('?').count();
    let parameters = &statement["Parameters"];
    Some(format!("{}/{}", text(&parameters[sets]), text(&parameters[sets + 1])))
}

/// The keys of all items that a call is about, and the ids of jobs that it puts on a queue.
pub(crate) fn touched(call: &Call, request: &Value) -> Vec<String> {
    match (call.service, call.operation.as_str()) {
        (Service::Sqs, _) => jobs(request).flat_map(about_job).collect(),
        (_, "PutItem") => vec![key(&request["Item"])],
        (_, "Query") => {
            let values = &request["ExpressionAttributeValues"];
            vec![format!("{}/{}", text(&values[":pk"]), text(&values[":prefix"]))]
        }
        (_, "TransactWriteItems") => {
            let writes = request["TransactItems"].as_array().into_iter().flatten();
            let of = |write: &Value| {
                let write = write.as_object().and_then(|write| write.values().next());
                write.map(|write| key(write.get("Key").unwrap_or(&write["Item"])))
            };
            writes.filter_map(of).collect()
        }
        (_, "BatchWriteItem") => {
            let puts = request["RequestItems"].as_object().into_iter().flatten();
            let puts = puts.flat_map(|(_, puts)| puts.as_array().into_iter().flatten());
            puts.map(|put| key(&put["PutRequest"]["Item"])).collect()
        }
        (_, "BatchGetItem") => {
            let gets = request["RequestItems"].as_object().into_iter().flatten();
            let mut keys: Vec<String> =
                gets.flat_map(|(_, gets)| gets["Keys"].as_array().into_iter().flatten()).map(key).collect();
            keys.sort();
            keys
        }
        (_, "BatchExecuteStatement") => {
            let statements = request["Statements"].as_array().into_iter().flatten();
            statements.filter_map(|statement| inserted(statement).or_else(|| updated(statement))).collect()
        }
        _ => vec![key(&request["Key"])],
    }
}

/// The key of an insert, whose fields are named in the statement.
fn inserted(statement: &Value) -> Option<String> {
    let fields = statement["Statement"].as_str()?.strip_prefix("INSERT")?.split_once('{')?.1;
    let names: Vec<&str> = fields.split(',').filter_map(|field| field.split('\'').nth(1)).collect();
    let of = |wanted: &str| {
        let place = names.iter().position(|name| *name == wanted)?;
        Some(text(&statement["Parameters"][place]).to_owned())
    };
    Some(format!("{}/{}", of("pk")?, of("sk")?))
}

fn jobs(request: &Value) -> impl Iterator<Item = &str> {
    let entries = request["Entries"].as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["MessageBody"].as_str())
}

fn job(body: &str) -> String {
    let job: Value = serde_json::from_str(body).unwrap_or_default();
    if let Some(receipts) = job["receipts"].as_array() {
        let told: Vec<String> = receipts
            .iter()
            .map(|receipt| format!("{} {}", receipt["message_id"], receipt["report"]))
            .collect();
        return format!("receipts {}", told.join(" "));
    }
    let action = job["bulk_action_id"].as_str().unwrap_or_default();
    match job["chunk"].as_u64() {
        Some(chunk) => format!("parcel {action} {chunk}"),
        None => format!("blocks {action} {} to {}", job["from_block"], job["to_block"]),
    }
}

fn about_job(body: &str) -> Vec<String> {
    let job: Value = serde_json::from_str(body).unwrap_or_default();
    if let Some(receipts) = job["receipts"].as_array() {
        return receipts
            .iter()
            .filter_map(|receipt| Some(receipt["message_id"].as_str()?.to_owned()))
            .collect();
    }
    let send = job["bulk_action_id"].as_str().unwrap_or_default().trim_start_matches("ba_");
    vec![match job["chunk"].as_u64() {
        Some(chunk) => format!("#{send}/PARCEL#{chunk:05}"),
        None => format!("#{send}/ACTION"),
    }]
}
