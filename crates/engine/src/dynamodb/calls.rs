//! The operations by name, from body to body.

use dynoxide::actions as api;
use dynoxide::types::ConsumedCapacity;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Answer;
use crate::tap::Units;

/// What a call came to, and what it consumed if that was asked for.
pub(crate) struct Called {
    pub(crate) answer: Answer,
    pub(crate) units: Vec<Units>,
}

/// Whether consumed capacity is to be added up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metering {
    On,
    Off,
}

/// Carries out one call.
pub(crate) fn call(db: &Database, operation: &str, body: &str, metering: Metering) -> Called {
    let mut units = Vec::new();
    let called = dispatch(db, operation, body, metering, &mut units);
    let answer = match called {
        Ok(body) => Answer { status: 200, query_error: None, body },
        Err(error) => {
            if metering == Metering::On {
                units = failed(db, operation, body, &error);
            }
            Answer { status: error.status_code(), query_error: None, body: error.to_json().into_bytes() }
        }
    };
    Called { answer, units }
}

type Done = Result<Vec<u8>, DynoxideError>;

fn dispatch(db: &Database, operation: &str, body: &str, metering: Metering, units: &mut Vec<Units>) -> Done {
    // Operations on items, whose capacity is told on demand.
    macro_rules! metered {
        ($method:ident, $add:ident) => {{
            let mut input = read(body)?;
            if metering == Metering::Off {
                return write(&db.$method(input)?);
            }
            let asked = input.return_consumed_capacity.replace("TOTAL".to_owned());
            let mut output = db.$method(input)?;
            let consumed = &mut output.consumed_capacity;
            units.extend(consumed.iter().flatten_capacity().map(|one| $add(one)));
            if asked.is_none_or(|asked| asked == "NONE") {
                *consumed = None;
            }
            write(&output)
        }};
    }
    match operation {
        "PutItem" => metered!(put_item, writes),
        "GetItem" => metered!(get_item, reads),
        "DeleteItem" => metered!(delete_item, writes),
        "UpdateItem" => metered!(update_item, writes),
        "Query" => metered!(query, reads),
        "Scan" => metered!(scan, reads),
        "BatchGetItem" => metered!(batch_get_item, reads),
        "BatchWriteItem" => metered!(batch_write_item, writes),
        "TransactWriteItems" => metered!(transact_write_items, writes),
        "TransactGetItems" => metered!(transact_get_items, reads),
        // Ours only write with them.
        "ExecuteStatement" => metered!(execute_statement, writes),
        "ExecuteTransaction" => metered!(execute_transaction, writes),
        "BatchExecuteStatement" => metered!(batch_execute_statement, writes),
        "CreateTable" => run(body, |input| db.create_table(input)),
        "DeleteTable" => run(body, |input| db.delete_table(input)),
        "DescribeTable" => run(body, |input| db.describe_table(input)),
        "ListTables" => run(body, |input| db.list_tables(input)),
        "UpdateTable" => run(body, |input| db.update_table(input)),
        "UpdateTimeToLive" => run(body, |input| db.update_time_to_live(input)),
        "DescribeTimeToLive" => run(body, |input| db.describe_time_to_live(input)),
        "TagResource" => run(body, |input| db.tag_resource(input)),
        "UntagResource" => run(body, |input| db.untag_resource(input)),
        "ListTagsOfResource" => run(body, |input| db.list_tags_of_resource(input)),
        other => Err(DynoxideError::ValidationException(format!("The local engine has no {other}."))),
    }
}

fn run<I: DeserializeOwned, O: Serialize>(
    body: &str,
    operation: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> Done {
    write(&operation(read(body)?)?)
}

fn read<I: DeserializeOwned>(body: &str) -> Result<I, DynoxideError> {
    serde_json::from_str(body).map_err(|error| unreadable(&error.to_string()))
}

/// dynoxide's readers mark what DynamoDB refuses as a value and not as JSON; a field that is missing is refused so, too.
fn unreadable(error: &str) -> DynoxideError {
    let text = error.split(" at line ").next().unwrap_or(error);
    match text.split_once(':') {
        Some((mark, message)) if mark.starts_with("VALIDATION") => {
            DynoxideError::ValidationException(message.to_owned())
        }
        _ if text.contains("missing field") || text.contains("AttributeValue") => {
            DynoxideError::ValidationException(text.to_owned())
        }
        _ => DynoxideError::SerializationException(text.to_owned()),
    }
}

fn write<O: Serialize>(output: &O) -> Done {
    serde_json::to_vec(output).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn reads(consumed: &ConsumedCapacity) -> Units {
    Units { table: consumed.table_name.clone(), reads: consumed.capacity_units, writes: 0.0 }
}

fn writes(consumed: &ConsumedCapacity) -> Units {
    Units { table: consumed.table_name.clone(), reads: 0.0, writes: consumed.capacity_units }
}

/// Answers tell the capacity of one table or of several.
trait FlattenCapacity<'a> {
    fn flatten_capacity(self) -> Box<dyn Iterator<Item = &'a ConsumedCapacity> + 'a>;
}

impl<'a> FlattenCapacity<'a> for std::option::Iter<'a, ConsumedCapacity> {
    fn flatten_capacity(self) -> Box<dyn Iterator<Item = &'a ConsumedCapacity> + 'a> {
        Box::new(self)
    }
}

impl<'a> FlattenCapacity<'a> for std::option::Iter<'a, Vec<ConsumedCapacity>> {
    fn flatten_capacity(self) -> Box<dyn Iterator<Item = &'a ConsumedCapacity> + 'a> {
        Box::new(self.flatten())
    }
}

/// A write whose condition failed is charged for the item that it found, a transaction that was cancelled twice for each of its items:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html>. What was refused as a request costs nothing.
fn failed(db: &Database, operation: &str, body: &str, error: &DynoxideError) -> Vec<Units> {
    let found = match error {
        DynoxideError::ConditionalCheckFailedException(..) => looked_at(db, operation, body),
        DynoxideError::TransactionCanceledException(..) => in_transaction(body),
        _ => None,
    };
    found.into_iter().map(|(table, writes)| Units { table, reads: 0.0, writes }).collect()
}

/// The table of a write to one item, and what the item there costs to write.
fn looked_at(db: &Database, operation: &str, body: &str) -> Option<(String, f64)> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let table = body["TableName"].as_str()?.to_owned();
    let mut key = body["Key"].clone();
    if operation == "PutItem" {
        key = serde_json::json!({"pk": body["Item"]["pk"], "sk": body["Item"]["sk"]});
    }
    let get: api::get_item::GetItemRequest =
        serde_json::from_value(serde_json::json!({"TableName": table, "Key": key})).ok()?;
    let item = db.get_item(get).ok()?.item;
    let bytes = item.as_ref().map_or(0, dynoxide::types::item_size);
    Some((table, dynoxide::types::write_capacity_units(bytes).max(1.0)))
}

/// Of small items, as ours are: two units each.
fn in_transaction(body: &str) -> Option<(String, f64)> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let items = body["TransactItems"].as_array()?;
    let mut table = items.iter().flat_map(|item| item.as_object().into_iter().flatten());
    let table = table.find_map(|(_, write)| write["TableName"].as_str())?.to_owned();
    let writes = u32::try_from(items.len()).map_or(f64::MAX, f64::from) * 2.0;
    Some((table, writes))
}
