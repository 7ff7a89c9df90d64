//! Tables. A table that exists is compared with the template and kept; missing indexes are reported, not added.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::{
    Client,
    operation::describe_table::DescribeTableError,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
        TimeToLiveStatus,
    },
};

use crate::template::{Index, Key, Table};

/// How long a new table may take until it can be used. Local engines need none of it.
const CREATION: Duration = Duration::from_mins(1);

/// Makes one table, or says how an existing one differs.
pub(super) async fn provision(client: &Client, table: &Table) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    if let Some(existing) = describe(client, &table.name).await? {
        warnings = differences(table, &existing)?;
    } else {
        create(client, table).await.with_context(|| format!("cannot make the table {}", table.name))?;
    }
    set_ttl(client, table).await.with_context(|| format!("cannot set the TTL of {}", table.name))?;
    Ok(warnings)
}

async fn describe(client: &Client, name: &str) -> Result<Option<TableDescription>> {
    match client.describe_table().table_name(name).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error)
            if error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot look for the table {name}")),
    }
}

/// Other keys make the data unusable and are an error; a missing index is a warning.
fn differences(table: &Table, existing: &TableDescription) -> Result<Vec<String>> {
    if existing.key_schema() != key_schema(&table.key)? {
        bail!("the table {} exists with other keys; use another data folder (--data)", table.name);
    }
    let present: BTreeSet<&str> =
        existing.global_secondary_indexes().iter().filter_map(|index| index.index_name()).collect();
    let missing = table.indexes.iter().filter(|index| !present.contains(index.name.as_str()));
    let warning = |index: &Index| {
        format!(
            "the table {} exists without its index `{}`: what needs it will fail; use another data folder (--data)",
            table.name, index.name
        )
    };
    Ok(missing.map(warning).collect())
}

async fn create(client: &Client, table: &Table) -> Result<()> {
    let mut request = client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(&table.key)?));
    for (name, kind) in &table.attributes {
        let kind = ScalarAttributeType::from(kind.as_str());
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        request = request.attribute_definitions(definition.build()?);
    }
    for index in &table.indexes {
        request = request.global_secondary_indexes(global_index(index)?);
    }
    request.send().await?;
    let active = async {
        loop {
            let status = describe(client, &table.name).await?.and_then(|table| table.table_status);
            if status == Some(TableStatus::Active) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(CREATION, active).await.context("it does not become active")?
}

fn key_schema(key: &Key) -> Result<Vec<KeySchemaElement>> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let mut schema = vec![element(&key.hash, KeyType::Hash)?];
    if let Some(range) = &key.range {
        schema.push(element(range, KeyType::Range)?);
    }
    Ok(schema)
}

fn global_index(index: &Index) -> Result<GlobalSecondaryIndex> {
    let included = (!index.included.is_empty()).then(|| index.included.clone());
    let projection = Projection::builder()
        .projection_type(ProjectionType::from(index.projection.as_str()))
        .set_non_key_attributes(included);
    let definition = GlobalSecondaryIndex::builder()
        .index_name(&index.name)
        .set_key_schema(Some(key_schema(&index.key)?))
        .projection(projection.build());
    Ok(definition.build()?)
}

async fn set_ttl(client: &Client, table: &Table) -> Result<()> {
    let Some(attribute) = &table.ttl else { return Ok(()) };
    let current = client.describe_time_to_live().table_name(&table.name).send().await?;
    let status = current.time_to_live_description.and_then(|ttl| ttl.time_to_live_status);
    // Enabling it twice is an error in DynamoDB.
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build()?;
    client
        .update_time_to_live()
        .table_name(&table.name)
        .time_to_live_specification(specification)
        .send()
        .await?;
    Ok(())
}
