//! A page of the communication log that is being filled, and where it gets its rows from.
//!
//! The organisation's log has two parts, each in its own order: the rows of bulk actions, which are found through their chunks (see `walk`), and
//! *direct* rows, which are single sends, replies and what members wrote, and have an index of their own. The second is merged into the first:
//! before a bulk row is looked at, all direct rows are that come before it in the list. So one row tells how far the second part was looked at:
//! the last in order of all that were.

use std::collections::{BTreeSet, HashMap, VecDeque};

use domain::{BulkActionId, MemberId, MessageId, OrgId, Timestamp};
use serde::{Deserialize, Serialize};
use store::action::Action;
use store::action_list::{ActionPosition, ActionSpan};
use store::row::{Origin, Row, TimelineSpan};
use wire::api::message::MessageView;
use wire::api::problem::Problem;

use super::ReadLog;
use super::filters::{Direction, Filters};
use super::page::Page;
use super::shown::{Messages, Shown, show};
use super::walk::{Position, Sink, Walked, places, walk};
use super::window::{LOOKED_AT, window};
use crate::{Error, Refused};

/// Rows of an index that are read at once.
const BATCH: usize = 100;
/// Contents that are read at once; one may have a few hundred kilobytes.
const CONTENTS: usize = 25;
/// Contents that are remembered.
const REMEMBERED: usize = 2 * CONTENTS;

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reached {
    /// At this row of the member's timeline.
    Row(Timestamp, MessageId),
    /// Here among the action's rows; `None` if none was looked at.
    Within(Option<Position>),
    /// Here in the organisation's log.
    Merged {
        /// Among the rows of bulk actions.
        bulk: Bulk,
        /// Behind this row among the direct ones.
        direct: Option<(Timestamp, MessageId)>,
    },
}

/// Where among the rows of bulk actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Bulk {
    /// Before all of them.
    Before,
    /// Within the actions from one to another, which are gone through together.
    Among { newest: ActionPosition, oldest: ActionPosition, at: Option<Position> },
    /// Behind this action.
    Behind(ActionPosition),
    /// There is none left, or none is wanted.
    Through,
}

/// A page of the log that is being filled.
pub(super) struct Log<'a> {
    deps: &'a ReadLog,
    org: &'a OrgId,
    filters: &'a Filters,
    page: Page<MessageView>,
    contents: HashMap<BulkActionId, Messages>,
    /// The direct rows, where they are merged in.
    direct: Option<Direct>,
}

/// Direct rows that come next.
struct Direct {
    /// Those that are not read yet.
    span: TimelineSpan,
    /// Whether there may be any.
    more: bool,
    /// Those that are read and not looked at yet.
    read: VecDeque<Shown>,
    /// The last in order of all rows that were looked at.
    reached: Option<(Timestamp, MessageId)>,
}

impl<'a> Log<'a> {
    pub(super) fn new(
        deps: &'a ReadLog,
        org: &'a OrgId,
        filters: &'a Filters,
        page: Page<MessageView>,
    ) -> Self {
        Self { deps, org, filters, page, contents: HashMap::new(), direct: None }
    }

    /// What is on the page.
    pub(super) fn into_items(self) -> Vec<MessageView> {
        self.page.into_items()
    }

    /// Fills the page from a member's timeline, which has everything that was sent to them and that they wrote.
    pub(super) async fn of_member(
        &mut self,
        member: &MemberId,
        from: Option<Reached>,
    ) -> Result<Option<Reached>, Refused> {
        let mut after = match from {
            None => None,
            Some(Reached::Row(at, id)) => Some((at, id)),
            Some(Reached::Within(_) | Reached::Merged { .. }) => return Err(stray()),
        };
        loop {
            // One more than is wanted tells whether there are more.
            let asked =
                if self.filters.narrow_timeline() { BATCH } else { self.page.missing() + 1 }.min(self.room());
            if asked == 0 {
                return Ok(after.map(|(at, id)| Reached::Row(at, id)));
            }
            let span = TimelineSpan { from: self.filters.from, to: self.filters.to, after };
            let (rows, more) = self.deps.store.timeline(self.org, member, span, asked).await?;
            let keys: Vec<(Timestamp, MessageId)> = rows.iter().map(Row::order).collect();
            let taken = self.take(rows).await?;
            if taken < keys.len() {
                let last = taken.checked_sub(1).and_then(|last| keys.get(last).copied());
                return Ok(last.or(after).map(|(at, id)| Reached::Row(at, id)));
            }
            if more.is_none() {
                return Ok(None);
            }
            after = more;
        }
    }

    /// Fills the page from the rows of a bulk action.
    pub(super) async fn of_action(
        &mut self,
        id: BulkActionId,
        from: Option<Reached>,
    ) -> Result<Option<Reached>, Refused> {
        let at = match from {
            None => None,
            Some(Reached::Within(at)) => at,
            Some(Reached::Row(..) | Reached::Merged { .. }) => return Err(stray()),
        };
        let Some(action) = self.deps.store.action(self.org, id).await? else { return Ok(None) };
        match self.among(&[action], at).await? {
            Walked::Through => Ok(None),
            Walked::Stopped(at) => Ok(Some(Reached::Within(at))),
        }
    }

    /// Fills the page from everything that the organisation sent and got.
    pub(super) async fn of_organisation(
        &mut self,
        from: Option<Reached>,
    ) -> Result<Option<Reached>, Refused> {
        let (mut bulk, after) = match from {
            // Nothing in bulk comes in.
            None if self.filters.direction == Some(Direction::Inbound) => (Bulk::Through, None),
            None => (Bulk::Before, None),
            Some(Reached::Merged { bulk, direct }) => (bulk, direct),
            Some(Reached::Row(..) | Reached::Within(_)) => return Err(stray()),
        };
        let span = TimelineSpan { from: self.filters.not_before(), to: self.filters.to, after };
        self.direct = Some(Direct { span, more: true, read: VecDeque::new(), reached: after });
        while let Some((actions, at)) = self.next_actions(bulk).await? {
            let (Some(newest), Some(oldest)) = (actions.first(), actions.last()) else { break };
            let (newest, oldest) = (newest.position(), oldest.position());
            // An action without rows costs a look, too.
            self.page.examined(actions.len());
            if let Walked::Stopped(at) = self.among(&actions, at).await? {
                return Ok(Some(self.merged(Bulk::Among { newest, oldest, at })));
            }
            bulk = Bulk::Behind(oldest);
            if self.room() == 0 {
                return Ok(Some(self.merged(bulk)));
            }
        }
        let through = self.direct_before(None).await?;
        Ok((!through).then(|| self.merged(Bulk::Through)))
    }

    fn merged(&self, bulk: Bulk) -> Reached {
        Reached::Merged { bulk, direct: self.direct.as_ref().and_then(|direct| direct.reached) }
    }

    /// The actions that are gone through together next, and where among their rows; `None` if there are none.
    async fn next_actions(&self, bulk: Bulk) -> Result<Option<(Vec<Action>, Option<Position>)>, Error> {
        let span = match bulk {
            Bulk::Among { newest, oldest, at } => {
                let span = ActionSpan::Between { newest, oldest };
                return Ok(Some((self.deps.store.actions(self.org, span, LOOKED_AT).await?, at)));
            }
            Bulk::Through => return Ok(None),
            Bulk::Behind(last) => ActionSpan::After(last),
            // Rows are younger than their action.
            Bulk::Before => self.filters.to.map_or(ActionSpan::All, ActionSpan::AcceptedBefore),
        };
        let mut actions = self.deps.store.actions(self.org, span, LOOKED_AT).await?;
        actions.truncate(window(&actions));
        Ok(Some((actions, None)))
    }

    /// Goes through the rows of these actions.
    async fn among(&mut self, actions: &[Action], at: Option<Position>) -> Result<Walked, Refused> {
        let (store, org) = (&self.deps.store, self.org);
        // Where it stopped is found again even if nothing of that action turns out to be wanted.
        let here = |action: &Action| at.is_some_and(|at| at.is_of(action.id));
        let wanted = actions.iter().filter(|action| here(action) || self.filters.may_want(action));
        let wanted: Vec<Action> = wanted.cloned().collect();
        let places = places(store, org, &wanted).await?;
        walk(store, org, &places, at, self).await
    }

    /// Looks at the direct rows that come before `next` in the list, or at all of them. Answers whether it is through with them.
    async fn direct_before(&mut self, next: Option<&Row>) -> Result<bool, Error> {
        let next = next.map(Row::list_key);
        while let Some(direct) = &mut self.direct {
            let Some(first) = direct.read.front() else {
                if !direct.more {
                    return Ok(true);
                }
                if !self.read_direct().await? {
                    return Ok(false);
                }
                continue;
            };
            if next.as_ref().is_some_and(|next| first.row.list_key() < *next) {
                return Ok(true);
            }
            if self.page.is_full() {
                return Ok(false);
            }
            let mut read = std::mem::take(&mut direct.read);
            self.look_at(read.make_contiguous()).await?;
            read.pop_front();
            if let Some(direct) = &mut self.direct {
                direct.read = read;
            }
        }
        Ok(true)
    }

    /// Reads direct rows, unless there is no room for them.
    async fn read_direct(&mut self) -> Result<bool, Error> {
        let asked = if self.filters.narrow_timeline() { BATCH } else { self.page.missing() + 1 };
        let asked = asked.min(BATCH).min(self.room());
        let Some(direct) = self.direct.as_mut().filter(|_| asked > 0) else { return Ok(false) };
        let (rows, more) = self.deps.store.direct_rows(self.org, direct.span, asked).await?;
        self.page.examined(rows.len());
        direct.more = more.is_some();
        direct.span.after = more;
        direct.read.extend(show(&self.deps.store, self.org, rows).await?);
        Ok(true)
    }

    /// Looks at the first of the rows that are `ahead`: it goes on the page if it is wanted.
    async fn look_at(&mut self, ahead: &[Shown]) -> Result<(), Error> {
        let Some(first) = ahead.first() else { return Ok(()) };
        if let Some(direct) = &mut self.direct {
            let last = |(at, id): (Timestamp, MessageId)| (at, id.to_string());
            if direct.reached.is_none_or(|reached| first.row.list_key() < last(reached)) {
                direct.reached = Some(first.row.order());
            }
        }
        if self.filters.want(first) {
            self.load(ahead).await?;
            let content = content_of(first).and_then(|id| self.contents.get(&id));
            self.page.push(first.clone().view(content));
        }
        Ok(())
    }

    /// Reads the content of the first row, unless it is known, and with it those of the rows that follow.
    async fn load(&mut self, ahead: &[Shown]) -> Result<(), Error> {
        let known = |id: &BulkActionId| self.contents.contains_key(id);
        if ahead.first().and_then(content_of).is_none_or(|id| known(&id)) {
            return Ok(());
        }
        let wanted = ahead.iter().take(CONTENTS).filter(|shown| self.filters.want(shown));
        let missing: BTreeSet<BulkActionId> = wanted.filter_map(content_of).filter(|id| !known(id)).collect();
        let missing: Vec<BulkActionId> = missing.into_iter().collect();
        if self.contents.len() + missing.len() > REMEMBERED {
            self.contents.clear();
        }
        let contents = self.deps.store.contents(self.org, &missing).await?;
        self.contents.extend(contents.iter().map(|(id, content)| (*id, Messages::of(content))));
        Ok(())
    }
}

/// The action whose content a row was made from; none for what a member wrote.
fn content_of(shown: &Shown) -> Option<BulkActionId> {
    match shown.row.origin {
        Origin::Bulk | Origin::Single => Some(BulkActionId::new(shown.row.id.send)),
        Origin::Inbound(_) => None,
    }
}

impl Sink for Log<'_> {
    fn room(&self) -> usize {
        self.page.room()
    }

    async fn take(&mut self, rows: Vec<Row>) -> Result<usize, Error> {
        self.page.examined(rows.len());
        let shown = show(&self.deps.store, self.org, rows).await?;
        for (taken, one) in shown.iter().enumerate() {
            if !self.direct_before(Some(&one.row)).await? || self.page.is_full() {
                return Ok(taken);
            }
            self.look_at(shown.get(taken..).unwrap_or_default()).await?;
        }
        Ok(shown.len())
    }
}

/// A cursor that was made for these filters and is of another kind: none that we made.
fn stray() -> Refused {
    Problem::bad_request("The cursor does not belong to this list").into()
}
