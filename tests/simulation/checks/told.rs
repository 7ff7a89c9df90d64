//! What the API tells of each message, when everything has settled: all that happened to it, in order, up to what it is.

use std::collections::BTreeMap;

use domain::{MessageId, MessageStatus};
use serde_json::Value;
use store::row::Row;
use testing::World;

use super::Sent;
use crate::simulation::core::About;
use crate::simulation::host::Host;

const ROUTE: &str = "GET /messages/{id}";

pub(super) async fn check(host: &Host, sent: &[Sent]) {
    let requests = host.core.ledger.requests();
    for row in sent.iter().flat_map(|sent| &sent.rows) {
        let id = row.id.to_string();
        let reply = host.outside(&World::as_somebody(ROUTE, &[("id", &id)], &Value::Null)).await;
        let described = testing::conformance::contract().check(ROUTE, &reply).err();
        let wrong = match described {
            Some(violation) => Some(format!("it is not told as described: {violation}")),
            None if reply.status != 200 => Some(format!("it is told with {}: {}", reply.status, reply.body)),
            None => wrong(row, &reply.body, &requests),
        };
        if let Some(wrong) = wrong {
            host.core.violated("history", About::Message(row.id), format!("{id}: {wrong}"));
        }
    }
}

/// What is wrong with the history of a row.
fn wrong(row: &Row, told: &str, requests: &BTreeMap<MessageId, u32>) -> Option<String> {
    let told: Value = serde_json::from_str(told).ok()?;
    let history = told["history"].as_array().map_or(&[][..], Vec::as_slice);
    let times: Vec<&str> = history.iter().filter_map(|entry| entry["at"].as_str()).collect();
    let statuses: Vec<MessageStatus> =
        history.iter().filter_map(|entry| serde_json::from_value(entry["status"].clone()).ok()).collect();
    if told["status"] != row.status.as_str() {
        return Some(format!("it is {} and told as {}", row.status, told["status"]));
    }
    if times.len() != history.len() || !times.is_sorted() {
        return Some(format!("its history is in no order: {history:?}"));
    }
    if statuses.len() != history.len() || !statuses.is_sorted() || statuses.last() != Some(&row.status) {
        return Some(format!("it is {} and its history does not lead there: {history:?}", row.status));
    }
    let details = history.iter().filter_map(|entry| entry["detail"].as_str());
    let told_requests = details.filter(|detail| detail.starts_with("Request ")).count();
    let made = requests.get(&row.id).map_or(0, |made| usize::try_from(*made).unwrap_or(usize::MAX));
    (told_requests > made).then(|| format!("{made} requests were made, and more are told: {history:?}"))
}
