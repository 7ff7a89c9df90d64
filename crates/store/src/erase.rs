//! Emptying what is kept of a member who is erased. What is emptied is there no more: nothing of it can be brought back.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck};
use domain::content::Content;
use domain::{BulkActionId, ConversationId, FailureCode, MessageStatus, OrgId, Reason, Timestamp};

use crate::action::Saved;
use crate::conditional::conditional;
use crate::content::{self, FrozenContent};
use crate::item::{json, key, n, s, time};
use crate::parcel::Parcel;
use crate::row::{Event, Inbound, Origin, Row};
use crate::transaction::{Committed, Table, Write};
use crate::{Result, Store, StoreError, keys};

/// What the history of an emptied row says.
const ERASED: &str = "Erased: the address and what was written are gone";
/// The row is there and was not emptied.
const STANDS: &str = "attribute_exists(pk) AND attribute_not_exists(erased)";

/// The emptying of a row.
struct Emptying<'a> {
    row: &'a Row,
    at: Timestamp,
    fail: Option<FailureCode>,
}

impl<'a> Emptying<'a> {
    fn of(row: &'a Row, at: Timestamp) -> Self {
        Self { row, at, fail: None }
    }

    fn failing(self, code: FailureCode) -> Self {
        Self { fail: Some(code), ..self }
    }

    fn write(self) -> Write {
        let Self { row, at, fail } = self;
        let event = Event { at, what: ERASED.to_owned() };
        let mut sets = vec!["erased = :yes", "events = list_append(if_not_exists(events, :none), :event)"];
        if matches!(row.origin, Origin::Inbound(_)) {
            sets.push("inbound = :inbound");
        }
        if fail.is_some() {
            sets.extend(["#status = :failed", "reason = :reason", "ended_at = :at"]);
        }
        let mut write = Write::update(
            Table::MessageLogs,
            key(keys::row(&row.org_id, row.id), n(row.id.slot)),
            format!("SET {} REMOVE address, unreadable, vals", sets.join(", ")),
        )
        .value(":yes", AttributeValue::Bool(true))
        .value(":none", AttributeValue::L(Vec::new()))
        .value(":event", AttributeValue::L(vec![json(&event)]));
        if let Origin::Inbound(inbound) = &row.origin {
            let inbound = Inbound { text: String::new(), media: Vec::new(), ..*inbound.clone() };
            write = write.value(":inbound", json(&inbound));
        }
        let Some(code) = fail else {
            return write.when(STANDS);
        };
        write
            .when(format!("{STANDS} AND #status = :queued"))
            .name("#status", "status")
            .value(":failed", s(MessageStatus::Failed.as_str()))
            .value(":queued", s(MessageStatus::Queued.as_str()))
            .value(":reason", s(Reason::Failed(code).as_str()))
            .value(":at", time(at))
    }
}

impl Store {
    /// Empties a row: its address and values, and of what the member wrote the text and media, go. A row that is empty is left as it is.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or is busy with the row; repeating is safe.
    pub async fn empty_row(&self, row: &Row, at: Timestamp) -> Result<()> {
        self.commit_alone(Emptying::of(row, at).write()).await.map(drop)
    }

    /// Empties a row that waits, and fails it, unless a dispatcher took up its parcel since `parcel` was read, which did not have it in hand: that
    /// dispatcher may have read the row before, and may call the provider. Answers whether it did.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn fail_and_empty_row(
        &self,
        row: &Row,
        parcel: Option<&Parcel>,
        code: FailureCode,
        at: Timestamp,
    ) -> Result<bool> {
        let check = ConditionCheck::builder()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::send(&row.org_id, row.id.send)))
            .key("sk", s(keys::parcel(row.id.chunk, row.channel)));
        let check = match parcel {
            None => check.condition_expression("attribute_not_exists(pk)"),
            Some(parcel) => check
                .condition_expression("attribute_not_exists(holder) AND #pass = :pass AND mark = :mark")
                .expression_attribute_names("#pass", "pass")
                .expression_attribute_values(":pass", n(parcel.pass))
                .expression_attribute_values(":mark", n(parcel.mark)),
        };
        let check = check.build().map_err(|error| StoreError::Call {
            operation: "TransactWriteItems",
            code: "build".into(),
            source: error.into(),
        })?;
        let write = Emptying::of(row, at).failing(code).write();
        Ok(self.commit_while(check, write).await? == Committed::Yes)
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
