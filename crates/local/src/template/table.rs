//! `AWS::DynamoDB::Table`.

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

use super::{check_properties, intrinsics::Scope};

/// A table to create. Only on-demand capacity is known, which is all that the product uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Logical id in the template.
    pub id: String,
    /// Name on the engine.
    pub name: String,
    /// Names and types (`S`, `N`, `B`) of the attributes that keys are made of.
    pub attributes: Vec<(String, String)>,
    /// The table's own keys.
    pub key: Key,
    /// Its global secondary indexes.
    pub indexes: Vec<Index>,
    /// The attribute that holds an item's time to live.
    pub ttl: Option<String>,
}

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The partition key's attribute.
    pub hash: String,
    /// The sort key's attribute.
    pub range: Option<String>,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its keys.
    pub key: Key,
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: String,
    /// The attributes of `INCLUDE`.
    pub included: Vec<String>,
}

const KNOWN: &[&str] = &[
    "TableName",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "BillingMode",
    "TimeToLiveSpecification",
    // Safety nets and labels of AWS that have no meaning on one machine.
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "DeletionProtectionEnabled",
    "ContributorInsightsSpecification",
    "TableClass",
    "OnDemandThroughput",
    "Tags",
];

pub(super) fn read(id: &str, resource: &Json, scope: &Scope) -> Result<Table> {
    let properties = scope.resolve(&resource["Properties"])?.unwrap_or_default();
    check_properties(&properties, KNOWN)?;
    if properties["BillingMode"] != "PAY_PER_REQUEST" {
        bail!("only tables with on-demand capacity (BillingMode PAY_PER_REQUEST) are known");
    }
    let attributes = list(&properties["AttributeDefinitions"]);
    let ttl = &properties["TimeToLiveSpecification"];
    Ok(Table {
        id: id.to_owned(),
        name: properties["TableName"].as_str().unwrap_or(id).to_owned(),
        attributes: attributes
            .map(|item| Ok((text(item, "AttributeName")?, text(item, "AttributeType")?)))
            .collect::<Result<_>>()?,
        key: key(&properties["KeySchema"])?,
        indexes: list(&properties["GlobalSecondaryIndexes"]).map(index).collect::<Result<_>>()?,
        ttl: match ttl["Enabled"].as_bool() {
            Some(true) => Some(text(ttl, "AttributeName")?),
            _ => None,
        },
    })
}

fn index(value: &Json) -> Result<Index> {
    check_properties(value, &["IndexName", "KeySchema", "Projection"])?;
    let projection = &value["Projection"];
    Ok(Index {
        name: text(value, "IndexName")?,
        key: key(&value["KeySchema"])?,
        projection: text(projection, "ProjectionType")?,
        included: list(&projection["NonKeyAttributes"]).filter_map(Json::as_str).map(str::to_owned).collect(),
    })
}

fn key(schema: &Json) -> Result<Key> {
    let of_type = |wanted: &str| {
        let mut found = list(schema).filter(|item| item["KeyType"] == wanted);
        found.next().map(|item| text(item, "AttributeName")).transpose()
    };
    Ok(Key { hash: of_type("HASH")?.context("a key schema without HASH")?, range: of_type("RANGE")? })
}

fn list(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Json, field: &str) -> Result<String> {
    value[field].as_str().map(str::to_owned).with_context(|| format!("{field} is missing"))
}
