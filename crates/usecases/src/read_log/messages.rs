//! The communication log: of a member, of an action, or of the whole organisation.

use std::collections::{BTreeSet, HashMap};

use domain::permission::Caller;
use domain::{BulkActionId, MemberId, MessageId, OrgId, Timestamp};
use serde::{Deserialize, Serialize};
use store::Store;
use store::action::Action;
use store::action_list::{ActionPosition, ActionSpan};
use store::row::{Row, TimelineSpan};
use wire::api::http::{Reply, Request};
use wire::api::list::List;
use wire::api::message::{MessageView, MessageWithHistory};
use wire::api::problem::Problem;

use super::ReadLog;
use super::cursors::Cursors;
use super::filters::{Direction, Filters, PARAMETERS};
use super::history::history;
use super::page::{MAX_EXAMINED, Page};
use super::shown::{Messages, Shown, show};
use super::walk::{Position, Sink, Walked, places, walk};
use super::window::{LOOKED_AT, window};
use crate::query::Query;
use crate::{Error, Refused};

const MAX_LIMIT: usize = 200;
/// Rows of a timeline that are read at once.
const BATCH: usize = 100;
/// Messages that are written at once; the content of each may have a few hundred kilobytes.
const CONTENTS: usize = 25;

/// `GET /messages/{id}`.
pub(super) async fn one(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let (shown, said) = found(&deps.store, &caller.org_id, request.param("id")).await?;
    let history = history(&shown);
    Ok(Reply::json(200, &MessageWithHistory { message: shown.view(said.as_ref()), history }))
}

/// A message as it is now.
///
/// # Errors
/// 404 if the organisation has none of that id.
pub(crate) async fn message(store: &Store, org: &OrgId, id: &str) -> Result<MessageView, Refused> {
    let (shown, said) = found(store, org, id).await?;
    Ok(shown.view(said.as_ref()))
}

async fn found(store: &Store, org: &OrgId, id: &str) -> Result<(Shown, Option<Messages>), Refused> {
    let not_found = || Problem::not_found("message");
    let id: MessageId = id.parse().map_err(|_| not_found())?;
    let row = store.row(org, id).await?.ok_or_else(not_found)?;
    let content = store.content(org, BulkActionId::new(id.send)).await?;
    let shown = show(store, org, vec![row]).await?.pop().ok_or_else(not_found)?;
    Ok((shown, content.as_ref().map(Messages::of)))
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Reached {
    /// At this row of the member's timeline.
    Row(Timestamp, MessageId),
    /// Within the actions from one to another, which are gone through together.
    Among { newest: ActionPosition, oldest: ActionPosition, at: Option<Position> },
    /// Behind this action.
    Behind(ActionPosition),
}

/// `GET /messages`.
pub(super) async fn list(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let query = Query::parse(request, &PARAMETERS)?;
    let filters = Filters::read(&query)?;
    let cursors = Cursors::new(deps, org, "messages", &query);
    let from: Option<Reached> = cursors.open()?;
    let page = Page::new(query.limit(MAX_LIMIT)?, MAX_EXAMINED);
    let mut log = Log { deps, org, filters: &filters, page, contents: HashMap::new() };
    let next = match (filters.direction, &filters.member, filters.action) {
        // Nothing that comes in is kept here.
        (Some(Direction::Inbound), _, _) => None,
        (_, Some(member), _) => log.of_member(member, from).await?,
        (_, None, Some(action)) => log.of_action(action, from).await?,
        (_, None, None) => log.of_organisation(from).await?,
    };
    let next_cursor = next.map(|next| cursors.seal(&next));
    Ok(Reply::json(200, &List { items: log.page.into_items(), next_cursor }))
}

/// A page of the log that is being filled.
struct Log<'a> {
    deps: &'a ReadLog,
    org: &'a OrgId,
    filters: &'a Filters,
    page: Page<MessageView>,
    contents: HashMap<BulkActionId, Messages>,
}

impl Log<'_> {
    async fn of_member(
        &mut self,
        member: &MemberId,
        from: Option<Reached>,
    ) -> Result<Option<Reached>, Refused> {
        let mut after = match from {
            None => None,
            Some(Reached::Row(at, id)) => Some((at, id)),
            Some(Reached::Among { .. } | Reached::Behind(_)) => return Err(stray()),
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

    async fn of_action(
        &mut self,
        id: BulkActionId,
        from: Option<Reached>,
    ) -> Result<Option<Reached>, Refused> {
        let at = match from {
            None => None,
            Some(Reached::Among { at, .. }) => at,
            Some(Reached::Row(..) | Reached::Behind(_)) => return Err(stray()),
        };
        let Some(action) = self.deps.store.action(self.org, id).await? else { return Ok(None) };
        let only = action.position();
        match self.among(&[action], at).await? {
            Walked::Through => Ok(None),
            Walked::Stopped(at) => Ok(Some(Reached::Among { newest: only, oldest: only, at })),
        }
    }

    async fn of_organisation(&mut self, from: Option<Reached>) -> Result<Option<Reached>, Refused> {
        let mut from = from;
        loop {
            let (actions, at) = match from {
                Some(Reached::Row(..)) => return Err(stray()),
                Some(Reached::Among { newest, oldest, at }) => {
                    let span = ActionSpan::Between { newest, oldest };
                    (self.deps.store.actions(self.org, span, LOOKED_AT).await?, at)
                }
                Some(Reached::Behind(last)) => (self.next_window(ActionSpan::After(last)).await?, None),
                // Rows are younger than their action.
                None => (
                    self.next_window(self.filters.to.map_or(ActionSpan::All, ActionSpan::AcceptedBefore))
                        .await?,
                    None,
                ),
            };
            let (Some(newest), Some(oldest)) = (actions.first(), actions.last()) else { return Ok(None) };
            let (newest, oldest) = (newest.position(), oldest.position());
            // An action without rows costs a look, too.
            self.page.examined(actions.len());
            if let Walked::Stopped(at) = self.among(&actions, at).await? {
                return Ok(Some(Reached::Among { newest, oldest, at }));
            }
            from = Some(Reached::Behind(oldest));
            if self.room() == 0 {
                return Ok(from);
            }
        }
    }

    async fn next_window(&self, span: ActionSpan) -> Result<Vec<Action>, Error> {
        let mut actions = self.deps.store.actions(self.org, span, LOOKED_AT).await?;
        actions.truncate(window(&actions));
        Ok(actions)
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

    /// Reads the contents of these actions and forgets others: the rows of an action come together.
    async fn load(&mut self, ids: impl Iterator<Item = BulkActionId>) -> Result<(), Error> {
        let wanted: BTreeSet<BulkActionId> = ids.collect();
        self.contents.retain(|id, _| wanted.contains(id));
        let missing: Vec<BulkActionId> =
            wanted.into_iter().filter(|id| !self.contents.contains_key(id)).collect();
        if !missing.is_empty() {
            let read = self.deps.store.contents(self.org, &missing).await?;
            self.contents.extend(read.iter().map(|(id, content)| (*id, Messages::of(content))));
        }
        Ok(())
    }
}

impl Sink for Log<'_> {
    fn room(&self) -> usize {
        self.page.room()
    }

    async fn take(&mut self, rows: Vec<Row>) -> Result<usize, Error> {
        self.page.examined(rows.len());
        let shown = show(&self.deps.store, self.org, rows).await?;
        let mut taken = 0;
        for some in shown.chunks(CONTENTS) {
            if self.page.is_full() {
                break;
            }
            let action = |shown: &Shown| BulkActionId::new(shown.row.id.send);
            self.load(some.iter().filter(|shown| self.filters.want(shown)).map(action)).await?;
            for shown in some {
                if self.page.is_full() {
                    break;
                }
                taken += 1;
                if self.filters.want(shown) {
                    self.page.push(shown.clone().view(self.contents.get(&action(shown))));
                }
            }
        }
        Ok(taken)
    }
}

/// A cursor that was made for these filters and is of another kind: none that we made.
fn stray() -> Refused {
    Problem::bad_request("The cursor does not belong to this list").into()
}
