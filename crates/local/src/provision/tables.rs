//! Tables. A table that exists is compared with the template and kept. Indexes that it lacks, because it was made by an older version, are added;
//! the engine fills them with what the table holds.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::{
    Client,
    operation::describe_table::DescribeTableError,
    types::{
        AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
        GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};

use crate::template::{Index, Key, Table};

/// How long a new table, or a new index of one, may take until it can be used. Local engines need none of it.
const CREATION: Duration = Duration::from_mins(1);

/// Makes one table, or brings an existing one up to date and says what that did not do.
pub(super) async fn provision(client: &Client, table: &Table) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    if let Some(existing) = describe(client, &table.name).await? {
        check_key(table, &existing)?;
        for index in missing(table, &existing) {
            match add_index(client, table, index).await {
                Ok(()) => {
                    tracing::info!(
                        "the table {} got the index `{}`, which it lacked",
                        table.name,
                        index.name
                    );
                }
                Err(error) => warnings.push(left_without(table, index, &error)),
            }
        }
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

/// Other keys make the data unusable.
fn check_key(table: &Table, existing: &TableDescription) -> Result<()> {
    if existing.key_schema() != key_schema(&table.key)? {
        bail!("the table {} exists with other keys; use another data folder (--data)", table.name);
    }
    Ok(())
}

/// The indexes that a table lacks.
fn missing<'a>(table: &'a Table, existing: &TableDescription) -> impl Iterator<Item = &'a Index> {
    let present: BTreeSet<String> = existing
        .global_secondary_indexes()
        .iter()
        .filter_map(|index| index.index_name().map(str::to_owned))
        .collect();
    table.indexes.iter().filter(move |index| !present.contains(&index.name))
}

fn left_without(table: &Table, index: &Index, error: &anyhow::Error) -> String {
    format!(
        "the table {} is from an older version and could not get its index `{}`: what needs it will fail; use another data folder (--data), or \
         delete this one ({error:#})",
        table.name, index.name
    )
}

/// Adds an index; DynamoDB takes one at a time.
async fn add_index(client: &Client, table: &Table, index: &Index) -> Result<()> {
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name(&index.name)
        .set_key_schema(Some(key_schema(&index.key)?))
        .projection(projection(index))
        .build()?;
    let update = GlobalSecondaryIndexUpdate::builder().create(create).build();
    let mut request = client.update_table().table_name(&table.name).global_secondary_index_updates(update);
    for definition in attribute_definitions(table)? {
        request = request.attribute_definitions(definition);
    }
    request.send().await?;
    let is_active = |described: &TableDescription| {
        let mut indexes = described.global_secondary_indexes().iter();
        indexes
            .find(|found| found.index_name() == Some(&index.name))
            .is_some_and(|found| found.index_status().is_none_or(|status| *status == IndexStatus::Active))
    };
    wait_until(client, &table.name, is_active).await
}

async fn create(client: &Client, table: &Table) -> Result<()> {
    let mut request = client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(&table.key)?));
    for definition in attribute_definitions(table)? {
        request = request.attribute_definitions(definition);
    }
    for index in &table.indexes {
        request = request.global_secondary_indexes(global_index(index)?);
    }
    request.send().await?;
    let is_active = |described: &TableDescription| described.table_status() == Some(&TableStatus::Active);
    wait_until(client, &table.name, is_active).await
}

async fn wait_until(client: &Client, table: &str, ready: impl Fn(&TableDescription) -> bool) -> Result<()> {
    let active = async {
        loop {
            if describe(client, table).await?.is_some_and(|described| ready(&described)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(CREATION, active).await.context("it does not become active")?
}

/// The attributes that the keys of the table and its indexes are made of.
fn attribute_definitions(table: &Table) -> Result<Vec<AttributeDefinition>> {
    let definition = |(name, kind): &(String, String)| {
        let kind = ScalarAttributeType::from(kind.as_str());
        Ok(AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()?)
    };
    table.attributes.iter().map(definition).collect()
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
    let definition = GlobalSecondaryIndex::builder()
        .index_name(&index.name)
        .set_key_schema(Some(key_schema(&index.key)?))
        .projection(projection(index));
    Ok(definition.build()?)
}

fn projection(index: &Index) -> Projection {
    let included = (!index.included.is_empty()).then(|| index.included.clone());
    let kind = ProjectionType::from(index.projection.as_str());
    Projection::builder().projection_type(kind).set_non_key_attributes(included).build()
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
