//! Messages that another one to the same address covers: they tell how that one fared.

use std::collections::{BTreeSet, HashMap};

use domain::{MessageId, MessageStatus, OrgId};
use store::row::Row;
use store::{Result, Store};

use super::shown::{Shown, show_alone};

/// How the covers of these rows fared, by their ids.
pub(super) async fn covers(
    store: &Store,
    org: &OrgId,
    rows: impl Iterator<Item = &Row>,
) -> Result<HashMap<MessageId, String>> {
    let ids: BTreeSet<MessageId> = rows.filter_map(|row| row.covered_by).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<MessageId> = ids.into_iter().collect();
    let shown = show_alone(store, org, store.rows(org, &ids).await?).await?;
    Ok(shown.iter().map(|cover| (cover.row.id, sentence(cover))).collect())
}

fn sentence(cover: &Shown) -> String {
    let fared = match cover.status {
        MessageStatus::Queued => "is waiting to be sent".to_owned(),
        MessageStatus::Sending => "is being sent".to_owned(),
        MessageStatus::Sent => "was sent".to_owned(),
        MessageStatus::Unconfirmed => "was sent and not confirmed".to_owned(),
        MessageStatus::Delivered => "was delivered".to_owned(),
        MessageStatus::Read => "was read".to_owned(),
        MessageStatus::Failed => with_reason("failed", cover),
        MessageStatus::Skipped => with_reason("was not sent", cover),
    };
    format!("Covered by the message to the same address, which {fared}")
}

fn with_reason(fared: &str, cover: &Shown) -> String {
    cover.ended_for().map_or_else(|| fared.to_owned(), |reason| format!("{fared}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_log::samples::row;
    use domain::{FailureCode, Reason};

    #[test]
    fn a_cover_tells_how_it_fared() {
        let of = |status, reason| sentence(&Shown::of(Row { status, reason, ..row() }));
        for (status, end) in [
            (MessageStatus::Queued, "which is waiting to be sent"),
            (MessageStatus::Sent, "which was sent"),
            (MessageStatus::Delivered, "which was delivered"),
        ] {
            let sentence = of(status, None);
            assert_eq!(sentence, format!("Covered by the message to the same address, {end}"));
        }
        let failed = of(MessageStatus::Failed, Some(Reason::Failed(FailureCode::InvalidPhone)));
        assert!(failed.ends_with("which failed: The phone number is not valid"), "{failed}");
    }
}
