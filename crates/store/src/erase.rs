//! Emptying what is kept of a member who is erased. What is emptied is there no more: nothing of it can be brought back.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::content::Content;
use domain::{BulkActionId, ConversationId, FailureCode, MessageStatus, OrgId, Reason, Timestamp};

use crate::action::Saved;
use crate::conditional::{Conditional, conditional};
use crate::content::{self, FrozenContent};
use crate::item::{json, n, s, time};
use crate::row::{Changed, Event, Inbound, Origin, Row, from_item};
use crate::{Result, Store, keys};

/// What the history of an emptied row says.
const ERASED: &str = "Erased: the address and what was written are gone";

impl Store {
    /// Empties a row: its address and values, and of what the member wrote the text and media, go. With `fail`, it also fails so, which a row does
    /// that still waits, and no other. A row that is empty is left as it is.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn empty_row(&self, row: &Row, fail: Option<FailureCode>, at: Timestamp) -> Result<Changed> {
        let event = Event { at, what: ERASED.to_owned() };
        let mut sets = vec!["erased = :yes", "events = list_append(if_not_exists(events, :none), :event)"];
        let mut condition = "attribute_exists(pk) AND attribute_not_exists(erased)".to_owned();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.message_logs)
            .key("pk", s(keys::row(&row.org_id, row.id)))
            .key("sk", n(row.id.slot))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":event", AttributeValue::L(vec![json(&event)]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Origin::Inbound(inbound) = &row.origin {
            let inbound = Inbound { text: String::new(), media: Vec::new(), ..*inbound.clone() };
            sets.push("inbound = :inbound");
            update = update.expression_attribute_values(":inbound", json(&inbound));
        }
        if let Some(code) = fail {
            sets.extend(["#status = :failed", "reason = :reason", "ended_at = :at"]);
            condition.push_str(" AND #status = :queued");
            update = update
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":failed", s(MessageStatus::Failed.as_str()))
                .expression_attribute_values(":queued", s(MessageStatus::Queued.as_str()))
                .expression_attribute_values(":reason", s(Reason::Failed(code).as_str()))
                .expression_attribute_values(":at", time(at));
        }
        update = update
            .update_expression(format!("SET {} REMOVE address, unreadable, vals", sets.join(", ")))
            .condition_expression(condition);
        Ok(match conditional(update.send().await)? {
            Conditional::Done(_) => Changed::Yes,
            Conditional::Refused(Some(item)) => Changed::AlreadyPast(Box::new(from_item(&item)?)),
            Conditional::Refused(None) => Changed::Missing,
        })
    }

    /// Empties what a send of one message says, which was written to one member. Its row is to be emptied first: what has no address is not sent.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert; repeating is safe.
    pub async fn empty_content(&self, org: &OrgId, id: BulkActionId) -> Result<()> {
        let Some(content) = self.content(org, id).await? else { return Ok(()) };
        let empty = |content: &Content| Content { body: content.body.emptied(), ..content.clone() };
        let emptied = FrozenContent {
            messages: content.messages.iter().map(empty).collect(),
            as_given: serde_json::Value::Array(Vec::new()),
            ..content.clone()
        };
        if emptied == content {
            return Ok(());
        }
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.bulk_actions)
            .set_item(Some(content::to_item(org, id, &emptied)))
            .condition_expression("attribute_exists(pk)");
        conditional(put.send().await).map(drop)
    }

    /// Empties the address and the preview of a conversation, if there is one that has them. Answers whether it did.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn empty_conversation(&self, org: &OrgId, id: &ConversationId) -> Result<Saved> {
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.directory)
            .key("pk", s(keys::conversation(org, id)))
            .key("sk", s(keys::conversation_on(id.channel)))
            // Whoever has read it, and is about to write it with its address, finds another version.
            .update_expression("SET preview = :empty REMOVE address ADD version :one")
            .condition_expression("attribute_exists(pk) AND (attribute_exists(address) OR preview <> :empty)")
            .expression_attribute_values(":empty", s(""))
            .expression_attribute_values(":one", n(1));
        conditional(update.send().await).map(Saved::from)
    }
}
