//! What becomes of a call.

use engine::Answer;
use serde_json::{Value, json};
use testing::transport::{Call, Service};

use super::{describe, partly};
use crate::simulation::core::Core;

/// By when the SDKs have given an operation up, and the earliest at which they do, in milliseconds.
const GIVES_UP_MS: (u64, u64) = (3_000, 10_000);
/// How long after it was sent a call may still be carried out although its caller has given up.
const LANDS_MS: u64 = 14_000;

/// The fate of one call.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// Carried out and answered.
    Fine,
    /// Carried out twice, because the SDK repeated it.
    Twice,
    /// It does not get there.
    NotReached,
    /// Carried out, the answer lost.
    Lost { gives_up_ms: u64 },
    /// Carried out at some time, perhaps after its caller gave up.
    Late { lands_ms: u64, gives_up_ms: u64 },
    /// Answered with an error, and not carried out.
    Refused(Answer),
    /// Answered with an error, and carried out all the same.
    RefusedAfterAll(Answer),
    /// A part of a batch is carried out.
    Partly,
}

impl Fate {
    /// For the diary.
    pub(super) fn told(&self) -> &'static str {
        match self {
            Self::Fine => "",
            Self::Twice => "  [carried out twice]",
            Self::NotReached => "  [does not get there]",
            Self::Lost { .. } => "  [done, the answer is lost]",
            Self::Late { .. } => "  [given up, done later]",
            Self::Refused(_) => "  [refused]",
            Self::RefusedAfterAll(_) => "  [an error, but done]",
            Self::Partly => "  [done in part]",
        }
    }
}

pub(super) fn draw(core: &Core, call: &Call, request: &Value) -> Fate {
    let faults = &core.faults;
    let gives_up_ms = || core.dice.between(GIVES_UP_MS.0, GIVES_UP_MS.1);
    if core.loses_answer() {
        return Fate::Lost { gives_up_ms: GIVES_UP_MS.1 };
    }
    if core.fault(faults.not_reached) {
        return Fate::NotReached;
    }
    if core.fault(faults.lost) {
        return Fate::Lost { gives_up_ms: gives_up_ms() };
    }
    if core.fault(faults.late) {
        return Fate::Late { lands_ms: core.dice.mostly_small(1, LANDS_MS), gives_up_ms: gives_up_ms() };
    }
    if core.fault(faults.throttled) {
        return Fate::Refused(throttled(call.service));
    }
    if core.fault(faults.server_error) {
        let answer = error(500, "InternalServerError");
        return if core.dice.happens(0.5) { Fate::Refused(answer) } else { Fate::RefusedAfterAll(answer) };
    }
    if describe::is_write(&call.operation)
        && core.fault(faults.conflict)
        && let Some(answer) = conflict(call, request)
    {
        return Fate::Refused(answer);
    }
    if partly::can_be(call, request) && core.fault(faults.partly) {
        return Fate::Partly;
    }
    if core.fault(faults.twice) { Fate::Twice } else { Fate::Fine }
}

fn throttled(service: Service) -> Answer {
    match service {
        Service::DynamoDb => error(400, "ProvisionedThroughputExceededException"),
        Service::Sqs => Answer {
            query_error: Some("RequestThrottled;Sender".to_owned()),
            ..error(400, "RequestThrottled")
        },
    }
}

/// Another's transaction holds an item; a batch has such refusals per entry.
fn conflict(call: &Call, request: &Value) -> Option<Answer> {
    match call.operation.as_str() {
        "TransactWriteItems" => {
            let writes = request["TransactItems"].as_array().map_or(1, Vec::len);
            let reason = |place: usize| match place {
                0 => {
                    json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" })
                }
                _ => json!({ "Code": "None" }),
            };
            let reasons: Vec<Value> = (0..writes).map(reason).collect();
            let body = json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "Transaction cancelled", "CancellationReasons": reasons,
            });
            Some(Answer { status: 400, query_error: None, body: body.to_string().into_bytes() })
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => Some(error(400, "TransactionConflictException")),
        _ => None,
    }
}

fn error(status: u16, code: &str) -> Answer {
    let body =
        json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "simulated" });
    Answer { status, query_error: None, body: body.to_string().into_bytes() }
}
