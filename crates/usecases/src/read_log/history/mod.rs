//! What happened to a message, as evidence: from what its row, its parcel and its action keep. What is not kept is not told.

mod calls;
mod origin;
mod outcome;
#[cfg(test)]
mod tests;

use domain::{Attribution, BulkActionId, MessageStatus, OrgId, Timestamp};
use store::action::Action;
use store::parcel::Parcel;
use store::row::{Inbound, Origin, Row};
use store::{Result, Store};
use wire::api::message::HistoryView;

use super::shown::Shown;

/// What is kept of a message beside its row.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Its action.
    action: Option<Action>,
    /// Its parcel, if it was ever to be handed to a provider.
    parcel: Option<Parcel>,
}

impl Evidence {
    /// Reads it.
    ///
    /// # Errors
    /// If the database gives no answer.
    pub(super) async fn of(store: &Store, org: &OrgId, row: &Row) -> Result<Self> {
        if let Origin::Inbound(_) = &row.origin {
            return Ok(Self::default());
        }
        Ok(Self {
            action: store.action(org, BulkActionId::new(row.id.send)).await?,
            parcel: store.parcel(org, row.id.send, row.id.chunk, row.channel).await?,
        })
    }
}

/// A history being told.
struct Story<'a> {
    shown: &'a Shown,
    entries: Vec<HistoryView>,
    /// Up to where the part is told in which one thing follows from another.
    reached: Timestamp,
}

impl Story<'_> {
    /// Something that follows what was told last, and is not placed before it: clocks differ.
    fn then(&mut self, status: MessageStatus, at: Timestamp, detail: impl Into<Option<String>>) {
        self.reached = self.reached.max(at);
        self.add(status, Some(self.reached), detail);
    }

    /// Something that happened by itself, if it did.
    fn add(&mut self, status: MessageStatus, at: Option<Timestamp>, detail: impl Into<Option<String>>) {
        let detail = detail.into();
        self.entries.extend(at.map(|at| HistoryView { status, at, detail }));
    }
}

/// The history of a message, oldest first. Providers report times in whole seconds, so what they say happened after the call may lie before it by
/// their clock: nothing is placed before what it follows. The statuses climb to the message's own, as they did.
pub(super) fn history(shown: &Shown, evidence: &Evidence) -> Vec<HistoryView> {
    let row = &shown.row;
    if let Origin::Inbound(inbound) = &row.origin {
        return of_inbound(shown, inbound);
    }
    let reached = evidence.action.as_ref().map_or(row.created_at, |action| action.created_at);
    let mut story = Story { shown, entries: Vec::new(), reached };
    origin::tell(&mut story, evidence);
    calls::tell(&mut story, evidence);
    outcome::tell(&mut story);
    story.entries.extend(reactions(shown));
    story.entries.extend(events(shown));
    // What happened at the same time stays in the order in which messages climb.
    story.entries.sort_by_key(|entry| entry.at);
    let mut climbed = MessageStatus::Queued;
    for entry in &mut story.entries {
        climbed = climbed.max(entry.status);
        entry.status = climbed;
    }
    story.entries
}

/// How the event of an answer begins; what answered follows.
const ANSWERED: &str = "Answered";
/// The event of an opt-out.
const OPTED_OUT: &str = "The recipient opted out because of it";

/// What a recipient did about it, where no event tells it.
fn reactions(shown: &Shown) -> impl Iterator<Item = HistoryView> {
    let row = &shown.row;
    let told = |what: &str| row.events.iter().any(|event| event.what.starts_with(what));
    let both = [(row.replied_at, ANSWERED), (row.opted_out_at, OPTED_OUT)];
    let untold = both.into_iter().filter_map(move |(at, what)| Some((at.filter(|_| !told(what))?, what)));
    untold.map(|(at, what)| HistoryView { status: shown.status, at, detail: Some(what.into()) })
}

/// What happened to a row without moving it.
fn events(shown: &Shown) -> impl Iterator<Item = HistoryView> {
    let row = &shown.row;
    row.events.iter().map(|event| HistoryView {
        status: shown.status,
        at: event.at.max(row.created_at),
        detail: Some(event.what.clone()),
    })
}

/// What a member wrote was received, and perhaps answered.
fn of_inbound(shown: &Shown, inbound: &Inbound) -> Vec<HistoryView> {
    let row = &shown.row;
    let detail = match (inbound.in_reply_to, inbound.attribution) {
        (Some(id), Some(Attribution::Quoted)) => format!("Received; it quotes {id}"),
        (Some(id), Some(Attribution::Latest) | None) => format!("Received; taken for an answer to {id}"),
        (None, _) => "Received".to_owned(),
    };
    let received = HistoryView { status: shown.status, at: row.created_at, detail: Some(detail) };
    let answered = reactions(shown).filter(|entry| entry.detail.as_deref() == Some(ANSWERED));
    let mut history: Vec<HistoryView> = [received].into_iter().chain(answered).chain(events(shown)).collect();
    history.sort_by_key(|entry| entry.at);
    history
}
