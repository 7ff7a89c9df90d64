//! Everything that a world holds, to be compared before and after a request that must change nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use local::provision::Clients;
use serde_json::{Value, json};

use super::World;

/// Reads everything, again and again.
pub struct Contents<'a> {
    world: &'a World,
    dynamodb: aws_sdk_dynamodb::Client,
    tables: Vec<String>,
}

/// What a world held at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// All items, by table and key.
    pub items: BTreeMap<String, Value>,
    /// Messages on queues.
    pub messages: u64,
}

impl World {
    /// A reader of everything that is stored or waits on a queue.
    ///
    /// # Panics
    /// If the template cannot be read.
    pub fn contents(&self) -> Contents<'_> {
        let template = crate::template().expect("the template is read");
        let tables = template.tables().expect("its tables are read");
        Contents {
            world: self,
            dynamodb: Clients::new(&self.engine.dynamodb_url(), &self.engine.sqs_url()).dynamodb,
            tables: tables.into_iter().map(|table| table.name).collect(),
        }
    }
}

impl Contents<'_> {
    /// Everything, as it is now.
    ///
    /// # Panics
    /// If the engine does not answer.
    pub async fn read(&self) -> Snapshot {
        let mut items = BTreeMap::new();
        for table in &self.tables {
            let mut pages =
                self.dynamodb.scan().table_name(table).consistent_read(true).into_paginator().items().send();
            while let Some(item) = pages.next().await {
                let item = plain(&item.expect("the engine answers"));
                let key = format!("{table} {} {}", item["pk"], item["sk"]);
                assert!(items.insert(key, item).is_none(), "a key comes once");
            }
        }
        Snapshot { items, messages: self.world.left_over() }
    }
}

impl Snapshot {
    /// The keys of items that differ between two moments; queues count as one.
    pub fn differences<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let both = self.items.keys().chain(other.items.keys());
        let mut differ: BTreeSet<&str> =
            both.filter(|key| self.items.get(*key) != other.items.get(*key)).map(String::as_str).collect();
        if self.messages != other.messages {
            differ.insert("queues");
        }
        differ
    }
}

fn plain(item: &HashMap<String, AttributeValue>) -> Value {
    item.iter().map(|(name, value)| (name.clone(), value_of(value))).collect()
}

/// The value as JSON; a set in order, so that equal ones are equal.
fn value_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => json!({ "number": number }),
        AttributeValue::Bool(flag) => json!(flag),
        AttributeValue::L(list) => list.iter().map(value_of).collect(),
        AttributeValue::M(map) => plain(map),
        AttributeValue::Ss(set) | AttributeValue::Ns(set) => json!(set.iter().collect::<BTreeSet<_>>()),
        other => json!(format!("{other:?}")),
    }
}
