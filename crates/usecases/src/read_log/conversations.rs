//! Conversations and their messages.

use std::collections::{BTreeSet, HashMap};

use domain::permission::Caller;
use domain::{BulkActionId, Channel, ConversationId, MessageId, Timestamp};
use store::conversation::Activity;
use wire::api::conversation::ConversationView;
use wire::api::http::{Reply, Request};
use wire::api::list::List;
use wire::api::message::MessageView;

use super::ReadLog;
use super::cursors::Cursors;
use super::page::{MAX_EXAMINED, Page};
use super::shown::{Messages, Shown, show};
use crate::query::Query;
use crate::{Error, Refused, conversation};

const MAX_LIMIT: usize = 200;
/// Conversations, or rows, that are looked at at once.
const BATCH: usize = 100;
/// Messages that are written at once; the content of each may have a few hundred kilobytes.
const CONTENTS: usize = 25;

/// `GET /conversations/{id}`.
pub(super) async fn one(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let found = conversation::find(&deps.store, &caller.org_id, request.param("id")).await?;
    Ok(Reply::json(200, &conversation::view(found)))
}

/// `GET /conversations`: the last active first.
pub(super) async fn list(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let query = Query::parse(request, &["channel", "unmatched", "limit", "cursor"])?;
    let channel: Option<Channel> = query.parsed("channel")?;
    let unmatched =
        query.choice("unmatched", &[true, false], |choice| if choice { "true" } else { "false" })?;
    let cursors = Cursors::new(deps, org, "conversations", &query);
    let mut after: Option<Activity> = cursors.open()?;
    let mut page: Page<ConversationView> = Page::new(query.limit(MAX_LIMIT)?, MAX_EXAMINED);
    loop {
        let asked = BATCH.min(page.room());
        if asked == 0 {
            break;
        }
        let (places, more) = deps.store.activity(org, after.as_ref(), asked).await?;
        page.examined(places.len());
        let wanted = |place: &&Activity| channel.is_none_or(|channel| place.id.channel == channel);
        let ids: Vec<ConversationId> = places.iter().filter(wanted).map(|place| place.id.clone()).collect();
        let mut found = deps.store.conversations(org, &ids).await?;
        let mut through = true;
        for place in places {
            if page.is_full() {
                through = false;
                break;
            }
            if let Some(found) = found.remove(&place.id).map(conversation::view)
                && unmatched.is_none_or(|unmatched| found.matched != unmatched)
            {
                page.push(found);
            }
            after = Some(place);
        }
        if through && !more {
            after = None;
            break;
        }
    }
    let next_cursor = after.map(|after| cursors.seal(&after));
    Ok(Reply::json(200, &List { items: page.into_items(), next_cursor }))
}

/// `GET /conversations/{id}/messages`: what was written in it, and what else its member was sent there.
pub(super) async fn messages(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let query = Query::parse(request, &["limit", "cursor"])?;
    let found = conversation::find(&deps.store, org, request.param("id")).await?;
    let cursors = Cursors::new(deps, org, &format!("conversations/{}/messages", found.id), &query);
    let mut after: Option<(Timestamp, MessageId)> = cursors.open()?;
    let mut page: Page<MessageView> = Page::new(query.limit(MAX_LIMIT)?, MAX_EXAMINED);
    loop {
        let asked = BATCH.min(page.room());
        if asked == 0 {
            break;
        }
        let (rows, more) = deps.store.messages_of_conversation(&found, after, asked).await?;
        page.examined(asked);
        let shown = show(&deps.store, org, rows).await?;
        if let Some(last) = fill(deps, caller, &mut page, &shown).await? {
            after = Some(last);
            break;
        }
        after = more;
        if after.is_none() {
            break;
        }
    }
    let next_cursor = after.map(|after| cursors.seal(&after));
    Ok(Reply::json(200, &List { items: page.into_items(), next_cursor }))
}

/// Puts messages into the page. If they do not all fit, answers which was the last.
async fn fill(
    deps: &ReadLog,
    caller: &Caller,
    page: &mut Page<MessageView>,
    shown: &[Shown],
) -> Result<Option<(Timestamp, MessageId)>, Error> {
    let mut last = None;
    for some in shown.chunks(CONTENTS) {
        if page.is_full() {
            return Ok(last);
        }
        let sends: BTreeSet<BulkActionId> =
            some.iter().map(|shown| BulkActionId::new(shown.row.id.send)).collect();
        let sends: Vec<BulkActionId> = sends.into_iter().collect();
        let contents = deps.store.contents(&caller.org_id, &sends).await?;
        let said: HashMap<BulkActionId, Messages> =
            contents.iter().map(|(id, content)| (*id, Messages::of(content))).collect();
        for shown in some {
            if page.is_full() {
                return Ok(last);
            }
            last = Some(shown.row.order());
            page.push(shown.clone().view(said.get(&BulkActionId::new(shown.row.id.send))));
        }
    }
    Ok(None)
}
