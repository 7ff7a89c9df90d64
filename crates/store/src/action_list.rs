//! An organisation's actions in the order of lists: newest first by the time of acceptance, then by id.

use std::collections::HashMap;

use domain::{BulkActionId, OrgId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::action::{Action, from_item};
use crate::batch_get::Wanted;
use crate::content::FrozenContent;
use crate::item::{Item, Reader, key, s};
use crate::{Result, Store, StoreError, keys};

/// The place of an action in its organisation's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActionPosition {
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Its id.
    pub id: BulkActionId,
}

impl ActionPosition {
    /// The sort key in `by-org`.
    fn created(self) -> String {
        format!("{:013}#{}", self.created_at.millis(), self.id)
    }
}

impl Action {
    /// Its place in the list.
    pub fn position(&self) -> ActionPosition {
        ActionPosition { created_at: self.created_at, id: self.id }
    }
}

/// Which part of an organisation's list to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionSpan {
    /// All, from the newest.
    All,
    /// Those that were accepted before a time.
    AcceptedBefore(Timestamp),
    /// Those that follow an action, which are older.
    After(ActionPosition),
    /// Those from one to another, both included.
    Between {
        /// The first of them in the list.
        newest: ActionPosition,
        /// The last of them.
        oldest: ActionPosition,
    },
}

impl Store {
    /// The first `limit` actions of a part of an organisation's list, newest first; fewer only if there are no more. Which there are is known
    /// with eventual consistency, what they are is read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn actions(&self, org: &OrgId, span: ActionSpan, limit: usize) -> Result<Vec<Action>> {
        let ids = self.action_ids(org, span, limit).await?;
        let wanted = Wanted { table: &self.tables.bulk_actions, strong: true, attributes: None };
        let wanted_keys: Vec<Item> =
            ids.iter().map(|id| key(keys::send(org, id.ulid()), s(keys::ACTION))).collect();
        let items = self.get_all(wanted, &wanted_keys).await?;
        let mut actions: Vec<Action> = items.iter().map(from_item).collect::<Result<_>>()?;
        actions.sort_by_key(|action| std::cmp::Reverse(action.position()));
        Ok(actions)
    }

    async fn action_ids(&self, org: &OrgId, span: ActionSpan, limit: usize) -> Result<Vec<BulkActionId>> {
        let mut query = self
            .client
            .query()
            .table_name(&self.tables.bulk_actions)
            .index_name("by-org")
            .expression_attribute_values(":org", s(org.as_str()))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let (condition, bounds) = condition(span);
        query = query.key_condition_expression(format!("org_key = :org{condition}"));
        for (name, value) in bounds {
            query = query.expression_attribute_values(name, s(value));
        }
        // Keys are small: a page of the index holds more of them than any limit here.
        let answer = query.send().await.map_err(StoreError::call("Query"))?;
        answer.items().iter().map(|item| Ok(Reader(item).parsed("pk", keys::parse_send)?.1)).collect()
    }

    /// What the named actions say; those that do not exist are left out. It never changes, so eventual consistency will do.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn contents(
        &self,
        org: &OrgId,
        ids: &[BulkActionId],
    ) -> Result<HashMap<BulkActionId, FrozenContent>> {
        let wanted = Wanted { table: &self.tables.bulk_actions, strong: false, attributes: None };
        let wanted_keys: Vec<Item> =
            ids.iter().map(|id| key(keys::send(org, id.ulid()), s(keys::CONTENT))).collect();
        let items = self.get_all(wanted, &wanted_keys).await?;
        let content = |item| {
            let read = Reader(item);
            Ok((read.parsed("pk", keys::parse_send)?.1, crate::content::from_item(item)?))
        };
        items.iter().map(content).collect()
    }
}

/// The condition on the index's sort key, and its values.
fn condition(span: ActionSpan) -> (&'static str, Vec<(&'static str, String)>) {
    match span {
        ActionSpan::All => ("", Vec::new()),
        // The time alone sorts before every key of that time.
        ActionSpan::AcceptedBefore(at) => {
            (" AND created < :before", vec![(":before", format!("{:013}", at.millis()))])
        }
        ActionSpan::After(position) => (" AND created < :before", vec![(":before", position.created())]),
        ActionSpan::Between { newest, oldest } => (
            " AND created BETWEEN :oldest AND :newest",
            vec![(":oldest", oldest.created()), (":newest", newest.created())],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ulid::Ulid;

    fn position(millis: i64, random: u128) -> ActionPosition {
        let id = BulkActionId::new(Ulid::from_parts(u64::try_from(millis).unwrap(), random));
        ActionPosition { created_at: Timestamp::from_millis(millis), id }
    }

    #[test]
    fn positions_sort_like_the_keys_of_the_index() {
        let mut positions =
            [position(9, 1), position(1_764_000_000_000, 0), position(10, 7), position(10, 5)];
        positions.sort();
        let keys: Vec<String> = positions.iter().map(|position| position.created()).collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }

    #[test]
    fn a_bound_of_time_leaves_out_what_was_accepted_at_that_time() {
        let (_, bounds) = condition(ActionSpan::AcceptedBefore(Timestamp::from_millis(10)));
        let bound = &bounds[0].1;
        assert!(position(9, u128::MAX).created() < *bound && *bound < position(10, 0).created());
    }
}
