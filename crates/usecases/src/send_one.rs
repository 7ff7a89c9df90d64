//! One message as a send of its own: a single send, a reply, an answer to a keyword.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::content::Content;
use domain::gate::Planned;
use domain::pace::Load;
use domain::{
    BulkActionId, BulkActionStatus, Clock, ConversationId, MemberId, MessageId, MessageStatus, OrgId,
    SendSource, Timestamp,
};
use serde_json::Value;
use store::Store;
use store::accept::{Acceptance, Accepted, With};
use store::action::{Action, Move};
use store::chunk::Chunk;
use store::content::FrozenContent;
use store::conversation::Touch;
use store::idempotency::IdempotencyKey;
use store::parcel::Parcel;
use store::row::{Origin, Row};
use ulid::Ulid;
use wire::api::message::MessageView;

use crate::jobs::DispatchQueues;
use crate::send_message::{FIRST_LOOK, planned_row};
use crate::{Error, jobs, pacing, read_log};

/// What is needed to send one message.
pub(crate) struct SendOne<'a> {
    pub(crate) store: &'a Store,
    pub(crate) dispatch: &'a DispatchQueues,
    pub(crate) clock: &'a dyn Clock,
}

/// One message, judged by gate 1.
pub(crate) struct Letter {
    /// Who sends it: a caller's `sub`, or a function.
    pub(crate) by: String,
    /// Its recipient, if that is a member.
    pub(crate) member_id: Option<MemberId>,
    /// The conversation that it is written in.
    pub(crate) conversation: Option<ConversationId>,
    /// Where it goes, or why not.
    pub(crate) planned: Planned,
    /// What it says.
    pub(crate) content: Content,
    /// The same as the caller gave it.
    pub(crate) as_given: Value,
    /// How long it waits for receipts.
    pub(crate) receipt_window_s: u32,
    /// The caller's key.
    pub(crate) key: Option<IdempotencyKey>,
    /// When gate 1 looked.
    pub(crate) gate1_at: Timestamp,
}

/// What came of it.
#[expect(clippy::large_enum_variant, reason = "nearly all are accepted; a box would cost more than it saves")]
pub(crate) enum Sent {
    /// It is accepted and on its way, or says why not.
    Accepted(MessageView),
    /// The key was used in between, or a message of this id is there already.
    Stale,
}

/// Accepts a message under an id that was never used for another, and puts it on its way.
///
/// # Errors
/// If the database gives no answer; repeating with the same id, or with the same key, sends it once.
pub(crate) async fn send_one(
    deps: &SendOne<'_>,
    org: &OrgId,
    id: Ulid,
    letter: Letter,
) -> Result<Sent, Error> {
    let now = deps.clock.now();
    let channel = letter.planned.channel;
    let action_id = BulkActionId::new(id);
    let message_id = MessageId { send: id, chunk: 0, slot: 0 };
    // Whom it is for is decided below; a message to somebody who is no member has none.
    let queued = Row {
        origin: Origin::Single,
        member_id: letter.member_id.clone(),
        conversation: letter.conversation.clone(),
        ..Row::to_nobody(org.clone(), message_id, channel, now)
    };
    let row = planned_row(queued, letter.planned);
    let content = FrozenContent {
        messages: vec![letter.content],
        receipt_window_s: BTreeMap::from([(channel, letter.receipt_window_s)]),
        as_given: Value::Array(vec![letter.as_given]),
    };
    let chunk = Chunk::of_rows(0, std::slice::from_ref(&row));
    let waits = row.status == MessageStatus::Queued;
    let units = content.message(channel).map_or(1, |message| pacing::units_of(&message.body, &row.values));
    let left = Load { messages: 1, units };
    let parcel = waits.then(|| Parcel { left, ..Parcel::fresh(0, channel, letter.gate1_at, now) });
    let action = action(Action::accepted(org.clone(), action_id, &letter.by, now), &row, now);
    let view = read_log::fresh_view(row.clone(), &content);
    let touch = letter.conversation.map(|id| Touch::new(id, now, view.text.as_deref()));
    let with = With::Single { row: &row, chunk: &chunk, parcel: parcel.as_ref(), touch: touch.as_ref() };
    let acceptance = Acceptance { action: &action, content: &content, key: letter.key.as_ref(), with };
    if deps.store.accept(acceptance).await? == Accepted::Stale {
        return Ok(Sent::Stale);
    }
    if let Some(parcel) = &parcel
        && let Err(error) =
            deps.dispatch.of(channel).send(&[jobs::dispatch(&action, parcel)], Duration::ZERO).await
    {
        tracing::error!(message_id = %message_id, error = %telemetry::chain(&error), "a message waits for reconcile to send it");
    }
    Ok(Sent::Accepted(view))
}

/// The action of a single message: its rows are written as soon as it is there.
fn action(accepted: Action, row: &Row, now: Timestamp) -> Action {
    let by = accepted.created_by.clone();
    let counts = row.counts();
    let settled = counts.settle(1);
    let status = settled.unwrap_or(BulkActionStatus::Delegated);
    Action {
        source: SendSource::Single,
        status,
        targets: 1,
        total: 1,
        counts,
        started_at: Some(now),
        delegated_at: Some(now),
        finished_at: settled.map(|_| now),
        reconciled_at: Some(now),
        history: vec![Move { status, at: now, by }],
        blocks_done: [0].into(),
        due_at: settled.is_none().then(|| now + FIRST_LOOK),
        ..accepted
    }
}
