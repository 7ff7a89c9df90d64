//! Rows as people see them. A row says `queued` until the outcome of its call is recorded; that a call may have begun is on its parcel (see
//! `infra/decisions/0001`), and a message that was refused for now stays `sending`, since what is shown only climbs, too.

use std::collections::{BTreeMap, BTreeSet};

use domain::content::{Content, Prepared};
use domain::variables::Variable;
use domain::{BulkActionId, Channel, MessageStatus, OrgId, SendSource, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::content::FrozenContent;
use store::parcel::Parcel;
use store::row::{Origin, Row};
use store::{Result, Store};
use ulid::Ulid;
use wire::api::message::MessageView;

use super::cover::covers;

/// Parcels that are read at once.
const CONCURRENT: usize = 8;
/// What stands in the log for a recipient's own unsubscribe link: whoever has the link can opt them out.
const HIDDEN_LINK: &str = "[unsubscribe link]";

/// A row with the status that it is shown with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) row: Row,
    pub(crate) status: MessageStatus,
    /// When its group's calls began, as long as nothing else is known of its own.
    pub(crate) called_at: Option<Timestamp>,
    /// How the message fared that covers it.
    pub(crate) cover: Option<String>,
}

/// What a parcel says of a row that was read as `queued`.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    NotYet,
    MayHaveBegun(Option<Timestamp>),
    /// The row must have moved since it was read.
    Over,
}

/// The rows as they are shown, in their order.
pub(crate) async fn show(store: &Store, org: &OrgId, rows: Vec<Row>) -> Result<Vec<Shown>> {
    let covers = covers(store, org, rows.iter()).await?;
    let mut shown = show_alone(store, org, rows).await?;
    for one in shown.iter_mut().filter(|one| one.row.ended_for().is_some()) {
        one.cover = one.row.covered_by.and_then(|id| covers.get(&id).cloned());
    }
    Ok(shown)
}

/// The same without how their covers fared.
pub(crate) async fn show_alone(store: &Store, org: &OrgId, rows: Vec<Row>) -> Result<Vec<Shown>> {
    let parcels = parcels_of(store, org, &rows).await?;
    let mut all = Vec::with_capacity(rows.len());
    for mut row in rows {
        if waits(&row) {
            match call(&row, parcels.get(&parcel_key(&row))) {
                Call::NotYet => {}
                Call::MayHaveBegun(at) => {
                    all.push(Shown { status: MessageStatus::Sending, called_at: at, ..Shown::of(row) });
                    continue;
                }
                Call::Over => row = store.row(org, row.id).await?.unwrap_or(row),
            }
        }
        all.push(Shown::of(row));
    }
    Ok(all)
}

/// Whether the row was read as waiting for its first call.
fn waits(row: &Row) -> bool {
    row.status == MessageStatus::Queued && row.tried_at.is_none()
}

type ParcelKey = (Ulid, u32, Channel);

fn parcel_key(row: &Row) -> ParcelKey {
    (row.id.send, row.id.chunk, row.channel)
}

async fn parcels_of(store: &Store, org: &OrgId, rows: &[Row]) -> Result<BTreeMap<ParcelKey, Parcel>> {
    let keys: BTreeSet<ParcelKey> = rows.iter().filter(|row| waits(row)).map(parcel_key).collect();
    let found: Vec<Option<(ParcelKey, Parcel)>> = stream::iter(keys)
        .map(async |key| {
            let (send, chunk, channel) = key;
            Ok::<_, store::StoreError>(
                store.parcel(org, send, chunk, channel).await?.map(|parcel| (key, parcel)),
            )
        })
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// `parcel` was read after the row.
fn call(row: &Row, parcel: Option<&Parcel>) -> Call {
    match parcel {
        Some(parcel) if parcel.done || parcel.pass > row.pass => Call::Over,
        Some(parcel) if row.id.slot < parcel.mark => Call::MayHaveBegun(parcel.marked_at),
        None | Some(_) => Call::NotYet,
    }
}

/// A message that has just been accepted.
pub(crate) fn fresh_view(row: Row, content: &FrozenContent) -> MessageView {
    Shown::of(row).view(Some(&Messages::of(content)))
}

/// What an action says, ready to be written for each of its recipients.
#[derive(Debug)]
pub(super) struct Messages(BTreeMap<Channel, Prepared>);

impl Messages {
    /// A message that does not parse is left out: it was never written to anybody.
    pub(super) fn of(content: &FrozenContent) -> Self {
        let prepared = |message: &Content| Some((message.body.channel(), message.body.prepare().ok()?));
        Self(content.messages.iter().filter_map(prepared).collect())
    }
}

impl Shown {
    /// A row by itself. One that was refused for now stays `sending`.
    pub(super) fn of(row: Row) -> Self {
        let status = match row.status {
            MessageStatus::Queued if row.tried_at.is_some() => MessageStatus::Sending,
            other => other,
        };
        let called_at = row.tried_at.filter(|_| status == MessageStatus::Sending);
        Self { row, status, called_at, cover: None }
    }

    /// Why it failed or was skipped, as a sentence.
    pub(super) fn ended_for(&self) -> Option<String> {
        let reason = self.row.ended_for()?;
        let by_itself = || reason.sentence(self.row.channel, self.row.detail.as_deref());
        Some(self.cover.clone().unwrap_or_else(by_itself))
    }

    /// The message as the API shows it. `said` is what its action says.
    pub(super) fn view(self, said: Option<&Messages>) -> MessageView {
        let text = said.and_then(|said| text(said, &self.row));
        let failure_message = self.ended_for();
        let Self { row, status, .. } = self;
        let ended_for = row.ended_for();
        let address = row.shown_address().map(str::to_owned);
        let (direction, source, bulk_action_id, inbound) = match row.origin {
            Origin::Bulk => {
                ("outbound", Some(SendSource::BulkAction), Some(BulkActionId::new(row.id.send)), None)
            }
            Origin::Single => ("outbound", Some(SendSource::Single), None, None),
            Origin::Inbound(inbound) => ("inbound", None, inbound.bulk_action_id, Some(*inbound)),
        };
        let text = inbound.as_ref().map_or(text, |inbound| (!row.erased).then(|| inbound.text.clone()));
        let inbound = inbound.unwrap_or_default();
        MessageView {
            id: row.id,
            direction,
            source,
            bulk_action_id,
            channel: row.channel,
            status,
            failure_code: ended_for.map(domain::Reason::as_str),
            failure_message,
            provider: row.channel.provider(),
            segments: row.segments,
            // A dispatcher that stopped could not count what the provider has.
            attempts: row.attempts.max(u32::from(row.sent_at.is_some())),
            covered_by: row.covered_by,
            in_reply_to: inbound.in_reply_to,
            attribution: inbound.attribution,
            media: if row.erased { Vec::new() } else { inbound.media },
            created_at: row.created_at,
            sent_at: row.sent_at,
            delivered_at: row.delivered_at,
            read_at: row.read_at,
            text,
            member_id: row.member_id,
            address,
            provider_message_id: row.provider_message_id,
            provider_code: row
                .provider_code
                .filter(|_| row.status != MessageStatus::Delivered && row.status != MessageStatus::Read),
        }
    }
}

/// What the recipient reads, or will read. `None` if the message ended before anything was written to them.
fn text(said: &Messages, row: &Row) -> Option<String> {
    let called = row.attempts > 0 || row.tried_at.is_some() || row.sent_at.is_some();
    let never_written = row.ended_for().is_some() && !called;
    if never_written || row.erased {
        return None;
    }
    let mut values: BTreeMap<Variable, String> = row.values.clone();
    values.insert(Variable::UnsubscribeUrl, HIDDEN_LINK.to_owned());
    // It was written once with these values, so it can be written again.
    let rendered = said.0.get(&row.channel)?.render(&values).ok()?;
    Some(rendered.text().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_log::samples::{email, row, sms};
    use domain::{FailureCode, Reason, SkipCode};
    use store::parcel::Claim;

    fn parcel(pass: u32, mark: u16, until: Option<i64>) -> Parcel {
        Parcel {
            pass,
            mark,
            marked_at: Some(Timestamp::from_secs(100)),
            claim: until.map(|until| Claim { holder: "h".into(), until: Timestamp::from_secs(until) }),
            ..Parcel::fresh(0, Channel::Sms, Timestamp::from_secs(1), Timestamp::from_secs(1))
        }
    }

    fn at_slot(slot: u16) -> Row {
        let mut row = row();
        row.id.slot = slot;
        row
    }

    #[test]
    fn a_call_may_have_begun_below_the_mark_and_not_at_it() {
        let marked = parcel(1, 20, Some(160));
        assert_eq!(call(&at_slot(19), Some(&marked)), Call::MayHaveBegun(Some(Timestamp::from_secs(100))));
        assert_eq!(call(&at_slot(20), Some(&marked)), Call::NotYet);
        let given_back = parcel(1, 20, None);
        assert_eq!(call(&at_slot(0), Some(&given_back)), Call::MayHaveBegun(Some(Timestamp::from_secs(100))));
        assert_eq!(call(&at_slot(0), None), Call::NotYet);
    }

    #[test]
    fn a_row_that_waits_in_a_pass_that_is_over_has_moved_since() {
        assert_eq!(call(&at_slot(30), Some(&parcel(2, 0, None))), Call::Over);
        assert_eq!(call(&at_slot(30), Some(&Parcel { done: true, ..parcel(1, 100, None) })), Call::Over);
    }

    #[test]
    fn the_text_is_what_the_recipient_reads_without_their_link() {
        let sent = Row { status: MessageStatus::Sent, tried_at: Some(Timestamp::from_secs(5)), ..row() };
        assert_eq!(text(&sms("Hi {{member.first_names}}"), &sent).as_deref(), Some("Hi Ana"));
        let mail = Row { channel: Channel::Email, ..sent };
        let read = text(&email("Hi {{member.first_names}}: {{unsubscribe_url}}"), &mail);
        assert_eq!(read.as_deref(), Some("Hi Ana: [unsubscribe link]"));
    }

    #[test]
    fn a_message_that_was_never_written_has_no_text() {
        let skipped = Row {
            status: MessageStatus::Skipped,
            reason: Some(Reason::Skipped(SkipCode::OptedOut)),
            ..row()
        };
        assert_eq!(text(&sms("Hi"), &skipped), None);
        let refused = Row { status: MessageStatus::Failed, attempts: 1, ..row() };
        assert_eq!(text(&sms("Hi"), &refused).as_deref(), Some("Hi"), "the provider had it");
        assert_eq!(text(&sms("{{member.last_names}}"), &refused), None);
    }

    #[test]
    fn only_what_failed_or_was_skipped_shows_a_reason() {
        let shown = |status| Shown::of(Row { status, ..row() }).view(None);
        for status in MessageStatus::ALL {
            let ended = matches!(status, MessageStatus::Failed | MessageStatus::Skipped);
            assert_eq!(shown(*status).failure_code.is_some(), ended, "{status}");
        }
        let failed = Row {
            status: MessageStatus::Failed,
            reason: Some(Reason::Failed(FailureCode::MissingVariable)),
            detail: Some("member.last_names".into()),
            ..row()
        };
        let view = Shown::of(failed).view(None);
        assert_eq!(view.failure_code, Some("missing_variable"));
        assert!(view.failure_message.unwrap().contains("member.last_names"));
    }
}
