//! Which messages a receive gets: oldest first within a message group, and the groups take turns.
//!
//! This is what fair queues promise: a sender with a long backlog does not hold up the others. The service goes by the
//! number of messages in flight; taking turns has the same effect and needs no count.

use std::collections::VecDeque;

use rusqlite::{OptionalExtension, params};

use super::Tables;

/// What a receive may take.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::sqs) struct Picked {
    pub(in crate::sqs) ids: Vec<i64>,
    /// The group that was served last: the next receive starts after it.
    pub(in crate::sqs) turn: String,
    /// When the next message becomes visible, if there was nothing to take.
    pub(in crate::sqs) next: Option<i64>,
}

impl Tables<'_> {
    /// At most `limit` visible messages of a queue, starting with the group after `turn`.
    pub(in crate::sqs) fn pick(
        self,
        queue: i64,
        turn: &str,
        now: i64,
        limit: usize,
    ) -> rusqlite::Result<Picked> {
        let mut waiting: Vec<(String, VecDeque<i64>)> = Vec::new();
        let mut next: Option<i64> = None;
        let mut wrapped = false;
        let mut group = self.group_after(queue, turn)?;
        while waiting.len() < limit {
            let Some(name) = group else {
                if wrapped {
                    break;
                }
                wrapped = true;
                group = self.first_group(queue)?;
                continue;
            };
            if wrapped && name.as_str() > turn {
                break;
            }
            // Each group found so far takes at least one of the places.
            let (visible, later) = self.head_of_group(queue, &name, now, limit - waiting.len())?;
            next = [next, later].into_iter().flatten().min();
            group = self.group_after(queue, &name)?;
            if !visible.is_empty() {
                waiting.push((name, visible));
            }
        }
        Ok(take_turns(waiting, turn, limit, next))
    }

    fn group_after(self, queue: i64, group: &str) -> rusqlite::Result<Option<String>> {
        let sql = "SELECT grp FROM messages WHERE queue = ?1 AND grp > ?2 ORDER BY grp LIMIT 1";
        self.0.prepare_cached(sql)?.query_row(params![queue, group], |row| row.get(0)).optional()
    }

    fn first_group(self, queue: i64) -> rusqlite::Result<Option<String>> {
        let sql = "SELECT grp FROM messages WHERE queue = ?1 ORDER BY grp LIMIT 1";
        self.0.prepare_cached(sql)?.query_row([queue], |row| row.get(0)).optional()
    }

    /// The first visible messages of a group, and when its next one becomes visible if those are not `limit`.
    fn head_of_group(
        self,
        queue: i64,
        group: &str,
        now: i64,
        limit: usize,
    ) -> rusqlite::Result<(VecDeque<i64>, Option<i64>)> {
        let sql = "SELECT id, visible_at FROM messages WHERE queue = ?1 AND grp = ?2 \
                   ORDER BY visible_at, received, id LIMIT ?3";
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params![queue, group, i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let mut visible = VecDeque::new();
        while let Some(row) = rows.next()? {
            let visible_at: i64 = row.get(1)?;
            if visible_at > now {
                return Ok((visible, Some(visible_at)));
            }
            visible.push_back(row.get(0)?);
        }
        Ok((visible, None))
    }
}

/// One message of each group, then the second of each, until there are `limit`.
fn take_turns(
    mut waiting: Vec<(String, VecDeque<i64>)>,
    turn: &str,
    limit: usize,
    next: Option<i64>,
) -> Picked {
    let mut picked = Picked { turn: turn.to_owned(), next, ..Picked::default() };
    while picked.ids.len() < limit && waiting.iter().any(|(_, ids)| !ids.is_empty()) {
        for (name, ids) in &mut waiting {
            if picked.ids.len() < limit
                && let Some(id) = ids.pop_front()
            {
                picked.ids.push(id);
                picked.turn.clone_from(name);
            }
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use crate::sqs::attributes::Settings;
    use crate::sqs::message::accept;

    fn store(messages: &[(&str, i64)]) -> Store {
        let mut store = Store::open(None).unwrap();
        let settings = Settings::read(std::collections::BTreeMap::new()).unwrap();
        store
            .write(|tables| {
                for (group, delay_s) in messages {
                    let json = serde_json::json!({"MessageBody": "x", "DelaySeconds": delay_s});
                    let message = serde_json::from_value(json).unwrap();
                    let mut accepted = accept(message, &settings, false).unwrap();
                    accepted.group = (*group).to_owned();
                    tables.insert_message(1, &accepted, 0)?;
                }
                Ok(())
            })
            .unwrap();
        store
    }

    #[test]
    fn groups_take_turns_and_a_long_backlog_waits_behind_a_short_one() {
        let store = store(&[("a", 0), ("a", 0), ("a", 0), ("a", 0), ("b", 0)]);
        let first = store.tables().pick(1, "", 0, 3).unwrap();
        assert_eq!(first.ids, [1, 5, 2]);
        assert_eq!(store.tables().pick(1, "a", 0, 1).unwrap().ids, [5]);
        assert_eq!(store.tables().pick(1, "b", 0, 1).unwrap().ids, [1]);
    }

    #[test]
    fn without_groups_the_oldest_come_first() {
        let store = store(&[("", 0), ("", 0), ("", 0)]);
        assert_eq!(store.tables().pick(1, "", 0, 2).unwrap().ids, [1, 2]);
    }

    #[test]
    fn nothing_visible_tells_when_to_look_again() {
        let store = store(&[("a", 9), ("b", 3)]);
        let picked = store.tables().pick(1, "", 0, 10).unwrap();
        assert_eq!((picked.ids, picked.next), (vec![], Some(3000)));
        assert_eq!(store.tables().pick(1, "", 3000, 10).unwrap().ids, [2]);
    }
}
