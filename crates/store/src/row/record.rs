//! Writing rows: conditional writes, in batches where that is cheaper.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::{MessageId, MessageStatus, OrgId};

use super::change::{Change, Changed, FILLED, Sets};
use super::item::{from_item, to_item};
use super::{Event, Row};
use crate::batch::{Executed, Statement};
use crate::conditional::{Conditional, conditional};
use crate::item::{json, n, s};
use crate::{Result, Store, keys};

impl Store {
    /// Creates rows; the answer says for each whether it was created. A row that exists is left as it is.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; any of the rows may then exist, and repeating is safe.
    pub async fn create_rows(&self, rows: &[Row]) -> Result<Vec<bool>> {
        let statements = rows.iter().map(|row| self.insert(row)).collect();
        let done = self.execute_all(statements).await?;
        Ok(done.into_iter().map(|executed| executed == Executed::Done).collect())
    }

    fn insert(&self, row: &Row) -> Statement {
        // In order, so that the statements of a batch are the same text.
        let item: BTreeMap<String, AttributeValue> = to_item(row).into_iter().collect();
        let fields: Vec<String> = item.keys().map(|name| format!("'{name}': ?")).collect();
        Statement {
            text: format!("INSERT INTO \"{}\" VALUE {{{}}}", self.tables.message_logs, fields.join(", ")),
            parameters: item.into_values().collect(),
        }
    }

    /// Makes changes of rows that are believed to be in status `seen`: in batches, which is several times cheaper than one by one, and one by
    /// one where a row is elsewhere. Each row at most once; answers in their order.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; any of the changes may then have been made, and repeating is safe.
    pub async fn record(
        &self,
        org: &OrgId,
        seen: MessageStatus,
        changes: &[(MessageId, Change)],
    ) -> Result<Vec<Changed>> {
        let statements =
            changes.iter().map(|(id, change)| self.update_seen(org, *id, seen, change)).collect();
        let done = self.execute_all(statements).await?;
        let mut results = Vec::with_capacity(done.len());
        for ((id, change), executed) in changes.iter().zip(done) {
            results.push(match executed {
                Executed::Done => Changed::Yes,
                Executed::Refused => self.record_late(org, *id, change).await?,
            });
        }
        Ok(results)
    }

    /// A row that is not where it was believed to be: it moves if it may, and gets what it lacks if it has moved on.
    async fn record_late(&self, org: &OrgId, id: MessageId, change: &Change) -> Result<Changed> {
        let changed = self.change_row(org, id, change).await?;
        if let (Changed::AlreadyPast(row), Change::Accepted { .. } | Change::Unknown { .. }) =
            (&changed, change)
        {
            self.fill_gaps(row, change).await?;
        }
        Ok(changed)
    }

    fn update_seen(&self, org: &OrgId, id: MessageId, seen: MessageStatus, change: &Change) -> Statement {
        // PartiQL knows no `if_not_exists`: what is only to fill a gap is left out, and a row with gaps is not in a status that is worth a batch.
        let sets: Sets =
            change.sets().into_iter().filter(|(name, _, keep)| !keep || !FILLED.contains(name)).collect();
        let assignments: Vec<String> = sets.iter().map(|(name, ..)| format!("SET \"{name}\" = ?")).collect();
        let mut parameters: Vec<AttributeValue> = sets.into_iter().map(|(_, value, _)| value).collect();
        parameters.extend([s(keys::row(org, id)), n(id.slot), s(seen.as_str())]);
        let mut condition = "pk = ? AND sk = ? AND \"status\" = ?".to_owned();
        if let Change::Receipt { channel, .. } = change {
            condition.push_str(" AND channel = ?");
            parameters.push(s(channel.as_str()));
        }
        let text =
            format!("UPDATE \"{}\" {} WHERE {condition}", self.tables.message_logs, assignments.join(" "));
        Statement { text, parameters }
    }

    /// Applies one change if the row may still make it.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn change_row(&self, org: &OrgId, id: MessageId, change: &Change) -> Result<Changed> {
        let from = change.from();
        if from.is_empty() {
            // It moves no row; whoever asks wants to know which row it is about.
            return Ok(self
                .row(org, id)
                .await?
                .map_or(Changed::Missing, |row| Changed::AlreadyPast(Box::new(row))));
        }
        let names: Vec<String> = (0..from.len()).map(|i| format!(":from{i}")).collect();
        let mut condition = format!("attribute_exists(pk) AND #status IN ({})", names.join(", "));
        let mut update = self.update_row(org, id, &change.sets(), change);
        if let Change::Receipt { channel, .. } = change {
            condition.push_str(" AND channel = :channel");
            update = update.expression_attribute_values(":channel", s(channel.as_str()));
        }
        update = update.condition_expression(condition);
        update = update.expression_attribute_names("#status", "status");
        for (name, status) in names.iter().zip(from) {
            update = update.expression_attribute_values(name, s(status.as_str()));
        }
        changed(conditional(update.send().await)?)
    }

    /// What only the record of a call knows; a receipt that came first could only guess at it.
    const OF_CALL: [&'static str; 3] = ["attempts", "tried_at", "calls"];

    /// Completes a row that overtook the record of its call.
    async fn fill_gaps(&self, row: &Row, change: &Change) -> Result<()> {
        let sets: Sets = change
            .sets()
            .into_iter()
            .filter(|(name, ..)| *name != "status")
            .map(|(name, value, _)| (name, value, !Self::OF_CALL.contains(&name)))
            .collect();
        let update =
            self.update_row(&row.org_id, row.id, &sets, change).condition_expression("attribute_exists(pk)");
        conditional(update.send().await).map(drop)
    }

    /// Adds to what happened to a message without moving it; beyond 20 events nothing is added.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; a repeat may add the event twice.
    pub async fn add_event(&self, org: &OrgId, id: MessageId, event: &Event) -> Result<()> {
        let result = self
            .client
            .update_item()
            .table_name(&self.tables.message_logs)
            .key("pk", s(keys::row(org, id)))
            .key("sk", n(id.slot))
            .update_expression("SET events = list_append(if_not_exists(events, :none), :event)")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(events) OR (size(events) < :most AND NOT contains(events, :text)))",
            )
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":event", AttributeValue::L(vec![json(event)]))
            .expression_attribute_values(":text", json(event))
            .expression_attribute_values(":most", n(20))
            .send()
            .await;
        conditional(result).map(drop)
    }

    fn update_row(
        &self,
        org: &OrgId,
        id: MessageId,
        sets: &Sets,
        change: &Change,
    ) -> UpdateItemFluentBuilder {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.message_logs)
            .key("pk", s(keys::row(org, id)))
            .key("sk", n(id.slot))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut assignments = Vec::new();
        for (index, (name, value, keep)) in sets.iter().enumerate() {
            update = update
                .expression_attribute_names(format!("#n{index}"), *name)
                .expression_attribute_values(format!(":v{index}"), value.clone());
            assignments.push(if *keep {
                format!("#n{index} = if_not_exists(#n{index}, :v{index})")
            } else {
                format!("#n{index} = :v{index}")
            });
        }
        let mut expression = format!("SET {}", assignments.join(", "));
        // What no longer holds goes: a delivered message has no failure.
        if change.delivers() {
            expression.push_str(" REMOVE reason, detail, provider_code");
        }
        update.update_expression(expression)
    }
}

fn changed(update: Conditional<UpdateItemOutput>) -> Result<Changed> {
    match update {
        Conditional::Done(_) => Ok(Changed::Yes),
        Conditional::Refused(Some(item)) => Ok(Changed::AlreadyPast(Box::new(from_item(&item)?))),
        Conditional::Refused(None) => Ok(Changed::Missing),
    }
}
