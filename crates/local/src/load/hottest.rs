//! The most that one partition key took in a second: DynamoDB gives one key 1,000 write units and 3,000 read units.

use std::{collections::BTreeMap, time::Instant};

use serde_json::Value as Json;

use super::account::{Call, Kept};

/// The most units of a second, counted from the beginning.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hottest {
    pub(super) writes: f64,
    pub(super) reads: f64,
}

/// Looks through the calls that were kept since `began`.
pub(super) fn of(trace: &[Kept], began: Instant) -> Hottest {
    let mut seconds: BTreeMap<(u64, String), (f64, f64)> = BTreeMap::new();
    for kept in trace {
        let Call::Aws { request, operation, .. } = &kept.call else { continue };
        if kept.reads + kept.writes == 0.0 {
            continue;
        }
        let Ok(body) = serde_json::from_slice::<Json>(request) else { continue };
        let keys = keys(operation, &body);
        let second = kept.at.saturating_duration_since(began).as_secs();
        let count = keys.len();
        for key in keys {
            let units = seconds.entry((second, key)).or_default();
            units.0 += super::per(kept.writes, count);
            units.1 += super::per(kept.reads, count);
        }
    }
    seconds.into_values().fold(Hottest::default(), |most, (writes, reads)| Hottest {
        writes: most.writes.max(writes),
        reads: most.reads.max(reads),
    })
}

/// The partition keys that a call is about, one for each item that it names; its units are taken to be spread evenly over them.
fn keys(operation: &str, body: &Json) -> Vec<String> {
    let text = |value: &Json| value["S"].as_str().map(str::to_owned);
    let list = |value: &Json| value.as_array().cloned().unwrap_or_default();
    match operation {
        "Query" => text(&body["ExpressionAttributeValues"][":pk"]).into_iter().collect(),
        "BatchExecuteStatement" => list(&body["Statements"]).iter().filter_map(of_statement).collect(),
        "TransactWriteItems" => {
            let items = list(&body["TransactItems"]);
            let writes = items.iter().flat_map(|item| item.as_object().into_iter().flatten());
            writes
                .filter_map(|(_, write)| text(&write["Key"]["pk"]).or_else(|| text(&write["Item"]["pk"])))
                .collect()
        }
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            tables.flat_map(|(_, table)| list(&table["Keys"])).filter_map(|key| text(&key["pk"])).collect()
        }
        "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let puts = tables.flat_map(|(_, writes)| list(writes));
            puts.filter_map(|write| text(&write["PutRequest"]["Item"]["pk"])).collect()
        }
        _ => text(&body["Key"]["pk"]).or_else(|| text(&body["Item"]["pk"])).into_iter().collect(),
    }
}

/// The value that stands for `pk` in a statement: the question marks before it are counted.
fn of_statement(statement: &Json) -> Option<String> {
    let text = statement["Statement"].as_str()?;
    let place = text.find("'pk': ?").or_else(|| text.find("pk = ?"))?;
    let number = text.get(..place)?.matches('?').count();
    statement["Parameters"].get(number)?["S"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_partition_of_a_statement_is_found_by_its_place() {
        let insert = json!({
            "Statement": "INSERT INTO \"t\" VALUE {'a': ?, 'pk': ?, 'sk': ?}",
            "Parameters": [{"S": "x"}, {"S": "o#1"}, {"N": "2"}],
        });
        let update = json!({
            "Statement": "UPDATE \"t\" SET \"a\" = ? SET \"b\" = ? WHERE pk = ? AND sk = ?",
            "Parameters": [{"S": "x"}, {"S": "y"}, {"S": "o#2"}, {"N": "2"}],
        });
        let body = json!({"Statements": [insert, update]});
        assert_eq!(keys("BatchExecuteStatement", &body), ["o#1", "o#2"]);
    }
}
