//! Deliberately broken variants: what the store and the provider's adapter ask for is changed on its way, as a careless version would have
//! asked. Each must be caught, or the checks prove nothing.

use engine::Answer;
use serde_json::{Value, json};
use testing::transport::{Call, Service};

use super::{Scene, Story};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Parcels are claimed, marked and released whoever holds them.
    NoClaim,
    /// The mark is not moved before the calls.
    NoMark,
    /// A claim that died is not told from one that was given back: what it may have sent is sent again.
    ForgetsDeadClaims,
    /// Opt-outs are not looked up again before the calls.
    NoGate2,
    /// An opt-out is acknowledged that was not written.
    LosesOptOuts,
    /// Receipts and outcomes are written whatever the row's status is.
    BlindReceipts,
    /// Rows are put, not inserted.
    BlindRows,
    /// An unknown outcome is tried again.
    RetriesUnknown,
    /// Actions are written whatever their version is.
    BlindActions,
    /// Chunks are counted without a note that they change.
    NoNotes,
    /// Reconcile finds nothing to do.
    NoReconcile,
    /// An idempotency key is neither found nor refused.
    NoKeys,
    /// Slots are taken whoever has taken them in the meantime.
    NoMeter,
    /// Nobody looks whether a sender is paused.
    NoPause,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NoClaim,
        Self::NoMark,
        Self::ForgetsDeadClaims,
        Self::NoGate2,
        Self::LosesOptOuts,
        Self::BlindReceipts,
        Self::BlindRows,
        Self::RetriesUnknown,
        Self::BlindActions,
        Self::NoNotes,
        Self::NoReconcile,
        Self::NoKeys,
        Self::NoMeter,
        Self::NoPause,
    ];

    /// What is played to make it show.
    pub fn story(self) -> Story {
        match self {
            // Two must write one action within a moment, which is rare in the life of a few sends.
            Self::BlindActions => Story::Scene { scene: Scene::CancelledLate, lost: None },
            // Few seeds pause a sender that has something to do.
            Self::NoPause => Story::Scene { scene: Scene::Paused, lost: None },
            _ => Story::Life,
        }
    }

    /// The call as the broken version makes it, or an answer without a call.
    pub(crate) fn meddle(self, call: &Call) -> Result<Call, Answer> {
        if call.service == Service::Sqs {
            return Ok(call.clone());
        }
        let mut request: Value = serde_json::from_str(&call.body).unwrap_or_default();
        match self {
            Self::NoClaim if sort_key(&request).starts_with("PARCEL#") => {
                if call.operation == "UpdateItem" {
                    unconditional(&mut request);
                }
            }
            Self::NoMeter if sort_key(&request).ends_with("#METER") => {
                if call.operation == "UpdateItem" {
                    unconditional(&mut request);
                }
            }
            Self::NoMark if update(&request).starts_with("SET mark = :mark") => {
                replace_update(&mut request, "SET mark = :mark, ", "SET ");
            }
            Self::LosesOptOuts if call.operation == "TransactWriteItems" => {
                let log = |write: &Value| write.to_string().contains("#OPTOUTS");
                if request["TransactItems"].as_array().is_some_and(|writes| writes.iter().any(log)) {
                    return Err(empty());
                }
            }
            Self::BlindReceipts if call.operation == "BatchExecuteStatement" => {
                without_status(&mut request);
            }
            Self::BlindReceipts
                if request["ConditionExpression"].as_str().is_some_and(|c| c.contains("#status IN")) =>
            {
                unconditional(&mut request);
            }
            Self::BlindRows if is_insert_of_rows(call, &request) => return Ok(puts(call, &request)),
            Self::BlindActions if call.operation == "PutItem" && text(&request["Item"]["sk"]) == "ACTION" => {
                unconditional(&mut request);
            }
            Self::NoNotes if update(&request).starts_with("SET noted_until") => return Err(empty()),
            Self::NoReconcile if request["IndexName"] == "work" => {
                return Err(Answer {
                    body: json!({ "Items": [], "Count": 0 }).to_string().into_bytes(),
                    ..empty()
                });
            }
            Self::NoKeys if call.operation == "TransactWriteItems" => {
                let writes = request["TransactItems"].as_array_mut().into_iter().flatten();
                for put in writes.filter_map(|write| write.get_mut("Put")) {
                    if text(&put["Item"]["sk"]) == "KEY" {
                        unconditional(put);
                    }
                }
            }
            Self::NoKeys if call.operation == "GetItem" && text(&request["Key"]["sk"]) == "KEY" => {
                return Err(empty());
            }
            _ => return Ok(call.clone()),
        }
        Ok(Call { body: request.to_string(), ..call.clone() })
    }

    /// The answer as the broken version reads it.
    pub(crate) fn meddle_with_answer(self, call: &Call, answer: Answer) -> Answer {
        let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match self {
            Self::NoGate2 if call.operation == "Query" && call.body.contains("#OPTOUTS\"") => {
                body["Items"] = json!([]);
                body["Count"] = json!(0);
            }
            Self::NoPause if call.body.contains("\"CHANNEL#") => {
                for item in body["Items"].as_array_mut().into_iter().flatten() {
                    item["status"] = json!({ "S": "active" });
                }
            }
            Self::ForgetsDeadClaims if call.body.contains("ADD deaths :one") => {
                if let Some(old) = body["Attributes"].as_object_mut() {
                    old.remove("holder");
                    old.remove("claim_until");
                }
            }
            Self::BlindRows if call.operation == "BatchWriteItem" && call.body.contains("blind") => {
                let count = call.body.matches("PutRequest").count();
                body = json!({ "Responses": vec![json!({}); count] });
            }
            _ => return answer,
        }
        Answer { body: body.to_string().into_bytes(), ..answer }
    }
}

fn text(value: &Value) -> &str {
    value["S"].as_str().unwrap_or_default()
}

fn sort_key(request: &Value) -> &str {
    text(&request["Key"]["sk"])
}

fn update(request: &Value) -> &str {
    request["UpdateExpression"].as_str().unwrap_or_default()
}

fn empty() -> Answer {
    Answer { status: 200, query_error: None, body: b"{}".to_vec() }
}

fn replace_update(request: &mut Value, from: &str, to: &str) {
    request["UpdateExpression"] = json!(update(request).replace(from, to));
    drop_unused(request);
}

/// A write without its condition.
fn unconditional(write: &mut Value) {
    if let Some(write) = write.as_object_mut() {
        write.remove("ConditionExpression");
    }
    drop_unused(write);
}

/// DynamoDB refuses names and values that no expression uses.
fn drop_unused(write: &mut Value) {
    let used = format!("{} {} ", write["UpdateExpression"], write["ConditionExpression"]);
    let is_used = |name: &str| {
        used.match_indices(name).any(|(at, _)| {
            !used[at + name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    for field in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        let Some(places) = write[field].as_object_mut() else {
            if let Some(write) = write.as_object_mut() {
                write.remove(field);
            }
            continue;
        };
        places.retain(|name, _| is_used(name));
        if places.is_empty()
            && let Some(write) = write.as_object_mut()
        {
            write.remove(field);
        }
    }
}

/// Updates of rows that do not ask where the row is.
fn without_status(request: &mut Value) {
    for statement in request["Statements"].as_array_mut().into_iter().flatten() {
        let said = statement["Statement"].as_str().unwrap_or_default().to_owned();
        let Some((before, after)) = said.split_once(" AND \"status\" = ?") else { continue };
        let place = before.matches('?').count();
        statement["Statement"] = json!(format!("{before}{after}"));
        if let Some(parameters) = statement["Parameters"].as_array_mut() {
            parameters.remove(place);
        }
    }
}

fn is_insert_of_rows(call: &Call, request: &Value) -> bool {
    let said = request["Statements"][0]["Statement"].as_str().unwrap_or_default();
    call.operation == "BatchExecuteStatement" && said.starts_with("INSERT") && said.contains("message-logs")
}

/// Inserts as puts, which overwrite.
fn puts(call: &Call, request: &Value) -> Call {
    let put = |statement: &Value| {
        let said = statement["Statement"].as_str().unwrap_or_default();
        let fields = said.split_once('{').map_or("", |(_, fields)| fields);
        let names = fields.split(',').filter_map(|field| field.split('\'').nth(1));
        let values = statement["Parameters"].as_array().into_iter().flatten();
        let mut item: serde_json::Map<String, Value> =
            names.zip(values).map(|(name, value)| (name.to_owned(), value.clone())).collect();
        item.insert("blind".to_owned(), json!({ "BOOL": true }));
        json!({ "PutRequest": { "Item": item } })
    };
    let puts: Vec<Value> = request["Statements"].as_array().into_iter().flatten().map(put).collect();
    let body = json!({ "RequestItems": { (crate::simulation::core::MESSAGE_LOGS): puts } });
    Call { operation: "BatchWriteItem".to_owned(), body: body.to_string(), ..call.clone() }
}
